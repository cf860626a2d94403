// SPDX-License-Identifier: Apache-2.0

#include "model/model.h"

#include <utility>

#include "model/family.h"
#include "text/rowless_tokens.h"

namespace altteul::model {

Result<std::unique_ptr<const Model>> LoadModel(const std::string& path,
                                               const WeightOptions& options,
                                               compute::Compute& compute, const LogSink& log) {
  auto model = std::make_unique<Model>();
  ALT_ASSIGN_OR_RETURN(model->file, Checkpoint::Open(path, log));
  ALT_ASSIGN_OR_RETURN(model->config, ReadConfig(*model->file, log));
  ALT_ASSIGN_OR_RETURN(text::TokenizerSpec spec, model->file->ReadTokenizer(log));
  // No id that a text can become may lie beyond the rows that LoadWeights proves.
  text::ForgetRowlessTokens(spec, model->config.vocabulary, log);
  auto tokenizer = text::MakeTokenizer(std::move(spec), log);
  if (!tokenizer.ok()) {
    return Status(tokenizer.status().code(), path + ": " + tokenizer.status().message());
  }
  model->tokenizer = std::move(tokenizer).value();
  ALT_ASSIGN_OR_RETURN(model->chat_template, model->file->ReadChatTemplate(log));
  ALT_ASSIGN_OR_RETURN(model->weights,
                       LoadWeights(*model->file, model->config, options, compute, log));
  return std::unique_ptr<const Model>(std::move(model));
}

}  // namespace altteul::model
