// SPDX-License-Identifier: Apache-2.0

#include "tools/plan_subject.h"

#include <algorithm>
#include <utility>

#include "base/machine.h"
#include "model/family.h"
#include "model/model_shape.h"
#include "plan/hollow_model.h"
#include "tools/hub_environment.h"
#include "tools/interrupt.h"
#include "tools/runtime.h"

namespace altteul::tools {
namespace {

constexpr size_t kUsualContext = 4096;

Result<PlanSubject> SubjectOf(std::unique_ptr<const model::Checkpoint> file,
                              const kernels::KernelTable& kernels) {
  PlanSubject subject;
  subject.file = std::move(file);
  ALT_ASSIGN_OR_RETURN(subject.config, model::ReadConfig(*subject.file, StandardErrorLog()));
  ALT_ASSIGN_OR_RETURN(subject.weights,
                       model::PlanWeights(*subject.file, subject.config, &kernels));
  auto spec = subject.file->ReadTokenizer(StandardErrorLog());
  if (spec.ok()) {
    auto tokenizer = text::MakeTokenizer(std::move(spec).value(), StandardErrorLog());
    if (tokenizer.ok() && tokenizer.value()->vocabulary() > 0) {
      subject.tokenizer = std::move(tokenizer).value();
    }
  }
  subject.base_bytes = PeakResidentBytes();
  return subject;
}

}  // namespace

size_t PlanSubject::DefaultContext() const {
  return config.context == 0 ? kUsualContext : std::min(kUsualContext, config.context);
}

Result<PlanSubject> OpenRemoteSubject(const hub::HubPlace& place,
                                      const hub::HubReference& reference,
                                      const hub::ModelIndex& index, const hub::ModelFiles& files,
                                      const hub::HttpOptions& http,
                                      const kernels::KernelTable& kernels) {
  auto opened = plan::OpenRemote(place, reference, index, files, http);
  if (!opened.ok()) {
    return hub::ExplainRefusal(opened.status(), place, reference, index.is_gated);
  }
  plan::RemoteModel& remote = opened.value();
  ALT_ASSIGN_OR_RETURN(PlanSubject subject, SubjectOf(std::move(remote.file), kernels));
  subject.fetched_bytes = remote.fetched_bytes;
  subject.heads = std::move(remote.heads);
  return subject;
}

Result<PlanSubject> OpenSubject(const std::string& name, const kernels::KernelTable& kernels) {
  const auto shaped = model::ParseShapedModel(name);
  if (shaped.ok()) {
    ALT_ASSIGN_OR_RETURN(auto file, plan::OpenShape(name));
    return SubjectOf(std::move(file), kernels);
  }
  const auto path = CachedModelPath(name);
  if (path.ok()) {
    auto file = model::Checkpoint::Open(path.value(), StandardErrorLog());
    const bool is_shape =
        name.find(':') != std::string::npos && name.find('/') == std::string::npos;
    if (file.status().code() == ErrorCode::kNotFound && is_shape) return shaped.status();
    if (!file.ok()) return file.status();
    return SubjectOf(std::move(file).value(), kernels);
  }
  if (path.status().code() != ErrorCode::kNotFound) return path.status();
  ALT_ASSIGN_OR_RETURN(const hub::HubPlace place, HubPlaceFromEnvironment());
  if (place.is_offline) return path.status();
  ALT_ASSIGN_OR_RETURN(const hub::HubReference reference,
                       hub::ParseHubReference(name.substr(kHubScheme.size())));
  hub::HttpOptions http;
  http.go_on = [] { return !Interrupted(); };
  ALT_ASSIGN_OR_RETURN(const hub::ModelIndex index, hub::AskIndex(place, reference, http));
  ALT_ASSIGN_OR_RETURN(hub::ModelFiles files, hub::ChooseFiles(index, reference.what));
  ALT_RETURN_IF_ERROR(hub::DescribeFiles(place, reference, index, http, &files));
  return OpenRemoteSubject(place, reference, index, files, http, kernels);
}

}  // namespace altteul::tools
