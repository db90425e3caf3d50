#include "messaging/numbers_question.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "messaging/wire/codec_fields.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t bytes_max = 1024;
constexpr std::string_view word = "metrics";

} // namespace

std::string encode_numbers_question(const numbers_question& question) {
  nlohmann::ordered_json document{{"question", word}};
  if (!question.node.empty())
    document["node"] = question.node;
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::optional<numbers_question> decode_numbers_question(std::string_view payload) {
  wire::field question{"question"};
  wire::field node{"node"};
  if (wire::read_document(payload, bytes_max, {&question, &node})
      || question.kind != json_kind::string || question.text != word
      || (node.kind != json_kind::string && !node.absent()))
    return std::nullopt;
  return numbers_question{std::move(node.text)};
}

} // namespace ledgerd
