#include "messaging/numbers_question.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>

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
  if (payload.empty() || payload.size() > bytes_max)
    return std::nullopt;
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  if (!document.is_object())
    return std::nullopt;
  const auto text = [&](const char* name) -> std::optional<std::string> {
    const auto found = document.find(name);
    if (found == document.end())
      return std::string{};
    return found->is_string() ? std::optional{found->get<std::string>()} : std::nullopt;
  };
  const auto node = text("node");
  if (text("question") != word || !node)
    return std::nullopt;
  return numbers_question{*node};
}

} // namespace ledgerd
