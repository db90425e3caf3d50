#include "app/operations/ask_numbers.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "app/operations/bell.hpp"
#include "messaging/numbers_question.hpp"

namespace ledgerd {

namespace {

std::string text_of(const nlohmann::ordered_json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

} // namespace

numbers_gathering::numbers_gathering(std::uint64_t number, const std::vector<node_view>& expected)
    : number_(number) {
  for (const auto& each : expected)
    nodes_.push_back(
        {each.word.name, to_text(each.word.boot), each.word.version, each.silent, std::nullopt});
}

void numbers_gathering::add(const line_reply& reply) {
  if (reply.number != number_ || reply.nobody)
    return;
  auto document = nlohmann::ordered_json::parse(reply.payload, nullptr, false);
  if (!document.is_object() || !document.contains("actors") || !document["actors"].is_array())
    return;
  const auto boot = text_of(document, "boot");
  auto found = std::find_if(nodes_.begin(), nodes_.end(),
                            [&](const node_numbers& each) { return each.boot == boot; });
  if (found == nodes_.end()) {
    nodes_.push_back({text_of(document, "node"), boot, text_of(document, "version"), false, {}});
    std::sort(nodes_.begin(), nodes_.end(), [](const auto& one, const auto& other) {
      return std::tie(one.name, one.boot) < std::tie(other.name, other.boot);
    });
    found = std::find_if(nodes_.begin(), nodes_.end(),
                         [&](const node_numbers& each) { return each.boot == boot; });
  }
  found->silent = false;
  if (!found->document)
    found->document = std::move(document);
}

bool numbers_gathering::complete() const {
  return !nodes_.empty() && std::all_of(nodes_.begin(), nodes_.end(), [](const auto& each) {
    return each.silent || each.document;
  });
}

std::vector<node_numbers> ask_numbers(const std::shared_ptr<peer_line>& to_all,
                                      const std::vector<node_view>& expected,
                                      const std::string& node, std::chrono::milliseconds at_most) {
  using clock = std::chrono::steady_clock;
  constexpr std::uint64_t only = 1;
  constexpr std::chrono::milliseconds look_every{250}; // as the line wants
  const auto rings = std::make_shared<bell>();
  to_all->open([rings] { rings->ring(); });
  to_all->send(only, encode_numbers_question({node}));
  numbers_gathering gathered{only, expected};
  const auto until = clock::now() + at_most;
  for (;;) {
    for (const auto& reply : to_all->take())
      gathered.add(reply);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    if (gathered.complete() || left.count() <= 0)
      return gathered.nodes();
    rings->wait(std::min(left, look_every));
  }
}

} // namespace ledgerd
