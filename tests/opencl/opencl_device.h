// SPDX-License-Identifier: Apache-2.0

// One OpenCL device with one in-order queue: buffers, kernels of one text, launches. What a command
// needs of those before it is done when it begins, so nothing but Wait() ever waits.

#pragma once

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/status.h"

namespace altteul::tests {

/// OpenCL's objects, each given back by its own function.
template <auto release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
using Context = std::unique_ptr<_cl_context, Releaser<clReleaseContext>>;
using Queue = std::unique_ptr<_cl_command_queue, Releaser<clReleaseCommandQueue>>;
using Program = std::unique_ptr<_cl_program, Releaser<clReleaseProgram>>;
using Kernel = std::unique_ptr<_cl_kernel, Releaser<clReleaseKernel>>;
using DeviceBuffer = std::unique_ptr<_cl_mem, Releaser<clReleaseMemObject>>;

/// A place in a device's memory: kernels take it as a buffer and the word in it.
struct DevicePlace {
  cl_mem buffer = nullptr;
  uint64_t offset = 0;  ///< [bytes], a multiple of 4
};

enum class DeviceKernel : uint8_t { kQuantize, kProduct, kNorm, kGlu, kAdd };

/// Items of a launch, and how many of them are a group.
struct Items {
  size_t count;      ///< rounded up to whole groups
  size_t per_group;  ///< few different ones: for each a kernel may be compiled again
  size_t rows = 1;   ///< a second dimension, in groups of one
};

class OpenClDevice {
 public:
  /// The first device of the first platform whose name contains `platform`.
  /// @param kernel_text  OpenCL C 1.2
  /// @return kNotFound where there is none; kUnsupported with what the compiler said
  static Result<std::unique_ptr<OpenClDevice>> Open(std::string_view platform,
                                                    const std::string& kernel_text);

  const std::string& name() const { return name_; }

  /// Zeros.
  /// @return kOutOfMemory
  Result<DeviceBuffer> Allocate(uint64_t size_bytes, const std::string& purpose);

  // Commands are done in their order. `from` of Write() and `to` of Read() stay until Wait().

  Status Write(DevicePlace to, const void* from, size_t size_bytes);
  Status Read(void* to, DevicePlace from, size_t size_bytes);
  Status Copy(DevicePlace to, DevicePlace from, size_t size_bytes);

  /// @param args  of the kernel in their order; a DevicePlace stands for two, a null one for an
  ///              array that is not there
  template <typename... Args>
  Status Launch(DeviceKernel kernel, Items items, const Args&... args) {
    cl_uint n_args = 0;
    cl_int error = CL_SUCCESS;
    (SetArg(kernel, args, n_args, error), ...);
    if (error != CL_SUCCESS) return Failed(error, "clSetKernelArg", NameOf(kernel));
    return Enqueue(kernel, items);
  }

  /// Until all is done. The only call that waits.
  Status Wait();

  size_t n_launches() const { return n_launches_; }
  size_t n_waits() const { return n_waits_; }

 private:
  static constexpr size_t kKernels = 5;

  OpenClDevice() = default;
  Status FindDevice(std::string_view platform);
  Status BuildKernels(const std::string& text);
  static std::string NameOf(DeviceKernel kernel);
  static Status Failed(cl_int error, const std::string& call, const std::string& what);
  cl_kernel KernelOf(DeviceKernel kernel) const {
    return kernels_[static_cast<size_t>(kernel)].get();
  }
  Status Enqueue(DeviceKernel kernel, Items items);

  template <typename T>
  void SetArg(DeviceKernel kernel, const T& value, cl_uint& n_args, cl_int& error) {
    if constexpr (std::is_same_v<T, DevicePlace>) {
      SetArg(kernel, value.buffer, n_args, error);
      SetArg(kernel, cl_ulong{value.offset / sizeof(cl_uint)}, n_args, error);
    } else {
      const cl_int result = clSetKernelArg(KernelOf(kernel), n_args++, sizeof value, &value);
      if (error == CL_SUCCESS) error = result;
    }
  }

  std::string name_;
  cl_device_id device_ = nullptr;
  Context context_;
  Queue queue_;
  Program program_;
  std::array<Kernel, kKernels> kernels_;
  size_t n_launches_ = 0, n_waits_ = 0;
};

}  // namespace altteul::tests
