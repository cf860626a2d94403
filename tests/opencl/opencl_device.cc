// SPDX-License-Identifier: Apache-2.0

#include "opencl/opencl_device.h"

#include <algorithm>

#include "base/check.h"

namespace altteul::tests {
namespace {

std::string PlatformName(cl_platform_id platform) {
  std::array<char, 256> name = {};
  clGetPlatformInfo(platform, CL_PLATFORM_NAME, name.size() - 1, name.data(), nullptr);
  return name.data();
}

}  // namespace

std::string OpenClDevice::NameOf(DeviceKernel kernel) {
  constexpr std::array<const char*, kKernels> kNames = {"Quantize", "Product", "Norm", "Glu",
                                                        "Add"};
  return kNames[static_cast<size_t>(kernel)];
}

Status OpenClDevice::Failed(cl_int error, const std::string& call, const std::string& what) {
  const bool is_memory = error == CL_MEM_OBJECT_ALLOCATION_FAILURE ||
                         error == CL_OUT_OF_HOST_MEMORY || error == CL_OUT_OF_RESOURCES ||
                         error == CL_INVALID_BUFFER_SIZE;
  return Status(is_memory ? ErrorCode::kOutOfMemory : ErrorCode::kIoError,
                what + ": " + call + " returned " + std::to_string(error));
}

Result<std::unique_ptr<OpenClDevice>> OpenClDevice::Open(std::string_view platform,
                                                         const std::string& kernel_text) {
  std::unique_ptr<OpenClDevice> device(new OpenClDevice);
  ALT_RETURN_IF_ERROR(device->FindDevice(platform));
  cl_int error = CL_SUCCESS;
  device->context_.reset(clCreateContext(nullptr, 1, &device->device_, nullptr, nullptr, &error));
  if (error != CL_SUCCESS) return Failed(error, "clCreateContext", device->name_);
  device->queue_.reset(clCreateCommandQueue(device->context_.get(), device->device_, 0, &error));
  if (error != CL_SUCCESS) return Failed(error, "clCreateCommandQueue", device->name_);
  ALT_RETURN_IF_ERROR(device->BuildKernels(kernel_text));
  return device;
}

Status OpenClDevice::FindDevice(std::string_view platform) {
  std::array<cl_platform_id, 16> platforms = {};
  cl_uint n_platforms = 0;
  // Without a platform the loader returns an error of its own (-1001).
  clGetPlatformIDs(platforms.size(), platforms.data(), &n_platforms);
  std::string seen;
  for (size_t i = 0; i < std::min<size_t>(n_platforms, platforms.size()); ++i) {
    const std::string name = PlatformName(platforms[i]);
    seen += (seen.empty() ? "" : ", ") + name;
    if (name.find(platform) == std::string::npos) continue;
    if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device_, nullptr) == CL_SUCCESS) {
      name_ = name;
      return Status();
    }
  }
  return Status(ErrorCode::kNotFound, "no OpenCL device of \"" + std::string(platform) +
                                          "\"; platforms here: " + (seen.empty() ? "none" : seen));
}

Status OpenClDevice::BuildKernels(const std::string& text) {
  const char* source = text.c_str();
  cl_int error = CL_SUCCESS;
  program_.reset(clCreateProgramWithSource(context_.get(), 1, &source, nullptr, &error));
  if (error != CL_SUCCESS) return Failed(error, "clCreateProgramWithSource", name_);
  // No option that loosens arithmetic: none of -cl-fast-relaxed-math, -cl-mad-enable and the like.
  if (clBuildProgram(program_.get(), 1, &device_, "-cl-std=CL1.2", nullptr, nullptr) !=
      CL_SUCCESS) {
    size_t size = 0;
    clGetProgramBuildInfo(program_.get(), device_, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
    std::string log(size, '\0');
    clGetProgramBuildInfo(program_.get(), device_, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
    return Status(ErrorCode::kUnsupported, name_ + " does not compile the kernels:\n" + log);
  }
  for (size_t i = 0; i < kKernels; ++i) {
    const std::string name = NameOf(static_cast<DeviceKernel>(i));
    kernels_[i].reset(clCreateKernel(program_.get(), name.c_str(), &error));
    if (error != CL_SUCCESS) return Failed(error, "clCreateKernel", name);
  }
  return Status();
}

Result<DeviceBuffer> OpenClDevice::Allocate(uint64_t size_bytes, const std::string& purpose) {
  constexpr cl_uint kZero = 0;
  const size_t whole_words =
      std::max<size_t>(1, (size_bytes + sizeof kZero - 1) / sizeof kZero) * sizeof kZero;
  cl_int error = CL_SUCCESS;
  DeviceBuffer buffer(
      clCreateBuffer(context_.get(), CL_MEM_READ_WRITE, whole_words, nullptr, &error));
  if (error == CL_SUCCESS) {
    error = clEnqueueFillBuffer(queue_.get(), buffer.get(), &kZero, sizeof kZero, 0, whole_words, 0,
                                nullptr, nullptr);
  }
  if (error != CL_SUCCESS) {
    return Failed(error, "clCreateBuffer", purpose + ", " + std::to_string(size_bytes) + " bytes");
  }
  return buffer;
}

Status OpenClDevice::Write(DevicePlace to, const void* from, size_t size_bytes) {
  const cl_int error = clEnqueueWriteBuffer(queue_.get(), to.buffer, CL_FALSE, to.offset,
                                            size_bytes, from, 0, nullptr, nullptr);
  return error == CL_SUCCESS ? Status() : Failed(error, "clEnqueueWriteBuffer", "to the device");
}

Status OpenClDevice::Read(void* to, DevicePlace from, size_t size_bytes) {
  const cl_int error = clEnqueueReadBuffer(queue_.get(), from.buffer, CL_FALSE, from.offset,
                                           size_bytes, to, 0, nullptr, nullptr);
  return error == CL_SUCCESS ? Status() : Failed(error, "clEnqueueReadBuffer", "from the device");
}

Status OpenClDevice::Copy(DevicePlace to, DevicePlace from, size_t size_bytes) {
  const cl_int error = clEnqueueCopyBuffer(queue_.get(), from.buffer, to.buffer, from.offset,
                                           to.offset, size_bytes, 0, nullptr, nullptr);
  return error == CL_SUCCESS ? Status() : Failed(error, "clEnqueueCopyBuffer", "on the device");
}

Status OpenClDevice::Enqueue(DeviceKernel kernel, Items items) {
  const std::array<size_t, 2> group = {items.per_group, 1};
  const std::array<size_t, 2> all = {
      (items.count + items.per_group - 1) / items.per_group * items.per_group, items.rows};
  const cl_int error = clEnqueueNDRangeKernel(queue_.get(), KernelOf(kernel), 2, nullptr,
                                              all.data(), group.data(), 0, nullptr, nullptr);
  if (error != CL_SUCCESS) return Failed(error, "clEnqueueNDRangeKernel", NameOf(kernel));
  ++n_launches_;
  return Status();
}

Status OpenClDevice::Wait() {
  ++n_waits_;
  const cl_int error = clFinish(queue_.get());
  return error == CL_SUCCESS ? Status() : Failed(error, "clFinish", name_);
}

}  // namespace altteul::tests
