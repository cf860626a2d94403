// SPDX-License-Identifier: Apache-2.0

#include "text/template/json_values.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace altteul::text::jinja {
namespace {

using nlohmann::ordered_json;

// A role is chosen from these by the program that calls us, and no special token can be built from
// them alone. Templates paste it into tokens ("<|" + role + "|>"), so it counts as
// template-written.
bool IsKnownRole(std::string_view role) {
  static constexpr std::string_view kRoles[] = {"system", "user",      "assistant", "tool",
                                                "model",  "developer", "function",  "ipython"};
  return std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
}

class JsonReader {
 public:
  JsonReader(Heap& heap, JsonSource source) : heap_(heap), source_(source) {}

  Result<Value> Read(const ordered_json& json, bool from_template, uint32_t depth) {
    ALT_RETURN_IF_ERROR(heap_.CheckDepth(depth));
    ALT_RETURN_IF_ERROR(heap_.Work(1));
    switch (json.type()) {
      case ordered_json::value_t::null:
        return Value();
      case ordered_json::value_t::boolean:
        return Value(json.get<bool>());
      case ordered_json::value_t::number_integer:
        return Value(json.get<int64_t>());
      case ordered_json::value_t::number_unsigned:
        if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
          return Status(ErrorCode::kInvalidArgument,
                        "the integer " + json.dump() + " does not fit in 64 bits with a sign");
        }
        return Value(json.get<int64_t>());
      case ordered_json::value_t::number_float:
        return Value(json.get<double>());
      case ordered_json::value_t::string:
        return MakeString(heap_, json.get_ref<const std::string&>(), from_template);
      case ordered_json::value_t::array:
        return ReadArray(json, depth);
      case ordered_json::value_t::object:
        return ReadObject(json, depth);
      default:
        return Status(ErrorCode::kInvalidArgument, "binary values cannot be used in a template");
    }
  }

 private:
  Result<Value> ReadArray(const ordered_json& json, uint32_t depth) {
    std::vector<Value> items;
    for (const ordered_json& item : json) {
      const bool is_token = source_ == JsonSource::kToken;
      ALT_ASSIGN_OR_RETURN(Value value, Read(item, is_token, depth + 1));
      items.push_back(std::move(value));
    }
    return MakeSequence(heap_, std::move(items));
  }

  Result<Value> ReadObject(const ordered_json& json, uint32_t depth) {
    DictEntries entries;
    for (const auto& [name, item] : json.items()) {
      // The list of messages is read at depth 1, so a message at depth 2.
      const bool is_role = source_ == JsonSource::kContext && depth == 2 && name == "role" &&
                           item.is_string() && IsKnownRole(item.get_ref<const std::string&>());
      ALT_ASSIGN_OR_RETURN(Value key, MakeString(heap_, name));
      ALT_ASSIGN_OR_RETURN(Value value, Read(item, is_role, depth + 1));
      entries.emplace_back(std::move(key), std::move(value));
    }
    return MakeDictOfUnique(heap_, std::move(entries));
  }

  Heap& heap_;
  const JsonSource source_;
};

}  // namespace

Result<Value> ValueOfJson(Heap& heap, const ordered_json& json, JsonSource source) {
  return JsonReader(heap, source).Read(json, source == JsonSource::kToken, 1);
}

Result<Value> ParseJsonText(Heap& heap, std::string_view text) {
  // The parsed document lives beside the values: an array of brackets has 16 bytes a character.
  ALT_RETURN_IF_ERROR(heap.Reserve(16 * text.size()));
  // The library compares each key with all before it.
  const auto n_keys = static_cast<uint64_t>(std::ranges::count(text, ':'));
  ALT_RETURN_IF_ERROR(heap.Work(n_keys * n_keys / Heap::kBytesPerStep));
  const ordered_json json = ordered_json::parse(text, nullptr, false);
  if (!json.is_discarded()) return ValueOfJson(heap, json, JsonSource::kText);
  return Status(ErrorCode::kInvalidArgument, "from_json: the text is no JSON");
}

}  // namespace altteul::text::jinja
