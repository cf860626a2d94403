// SPDX-License-Identifier: Apache-2.0

#include "text/ollama/turns.h"

#include <algorithm>
#include <string>
#include <utility>

namespace altteul::text::ollama {
namespace {

constexpr std::string_view kResponse = "Response";

bool SameWord(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

bool PipeReads(const Pipe& pipe, std::string_view name) {
  for (const Command& command : pipe.commands) {
    for (const Operand& operand : command) {
      if (operand.kind == OperandKind::kPipe) {
        if (PipeReads(*operand.pipe, name)) return true;
        continue;
      }
      for (const std::string& field : operand.fields) {
        if (SameWord(field, name)) return true;
      }
    }
  }
  return false;
}

bool WritesResponse(const Pipe& pipe) {
  for (const Command& command : pipe.commands) {
    for (const Operand& operand : command) {
      if (operand.kind == OperandKind::kPipe && WritesResponse(*operand.pipe)) return true;
      // "$.Response" is a variable to Ollama, which looks for the field alone.
      const bool is_field = operand.kind == OperandKind::kDot;
      if (is_field && std::ranges::find(operand.fields, kResponse) != operand.fields.end()) {
        return true;
      }
    }
  }
  return false;
}

// True once the cut is made.
bool Cut(NodeList& nodes) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    Node& node = *nodes[i];
    bool cut = node.kind == NodeKind::kAction && WritesResponse(node.pipe);
    if (!cut) {
      cut = Cut(node.body);
      if (cut) node.else_body.clear();
    }
    if (!cut) cut = Cut(node.else_body);
    if (!cut) continue;
    nodes.resize(i + 1);
    return true;
  }
  return false;
}

}  // namespace

bool Reads(const NodeList& nodes, std::string_view name) {
  return std::ranges::any_of(nodes, [name](const auto& node) {
    return PipeReads(node->pipe, name) || Reads(node->body, name) || Reads(node->else_body, name);
  });
}

void CutBehindResponse(NodeList& nodes) { Cut(nodes); }

void AppendResponse(NodeList& nodes) {
  auto node = std::make_unique<Node>();
  node->kind = NodeKind::kAction;
  Command command(1);
  command[0].fields.emplace_back(kResponse);
  node->pipe.commands.push_back(std::move(command));
  nodes.push_back(std::move(node));
}

}  // namespace altteul::text::ollama
