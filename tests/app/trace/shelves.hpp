// Streams in memory, for searches; counts what is asked of them.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "app/trace/finder.hpp"
#include "messaging/names.hpp"

namespace ledgerd::test {

struct shelves {
  std::map<std::string, std::vector<stored_message>, std::less<>> streams;
  std::int64_t made_at_ns = 0; // all streams
  std::uint64_t looked_at = 0; // messages that were handed out

  // Stored at so many milliseconds.
  stored_message& put(std::string_view stream, std::int64_t at_ms, std::string subject,
                      std::string payload, std::vector<header> headers = {}) {
    auto& list = streams[std::string(stream)];
    const auto seq = list.empty() ? 1 : list.back().seq + 1;
    return list.emplace_back(stored_message{seq, at_ms * 1'000'000, std::move(subject),
                                            std::move(payload), std::move(headers)});
  }

  stored_message& request(std::int64_t record, std::int64_t at_ms) {
    return put(names::request_stream, at_ms, "transaction.deposit", payload_of(record));
  }

  static std::string payload_of(std::int64_t record) {
    return R"({"recordId":)" + std::to_string(record) + R"(,"userId":"ann","amount":"5"})";
  }

  shelf view() {
    return {
        .state =
            [this](std::string_view name) {
              stream_state state;
              const auto found = streams.find(name);
              state.exists = found != streams.end();
              state.created_at_ns = made_at_ns;
              if (!state.exists || found->second.empty())
                return state;
              state.messages = found->second.size();
              state.first_seq = found->second.front().seq;
              state.last_seq = found->second.back().seq;
              return state;
            },
        .at = [this](std::string_view name, std::uint64_t seq) -> std::optional<stored_message> {
          ++looked_at;
          for (const auto& each : streams.find(name)->second)
            if (each.seq == seq)
              return each;
          return std::nullopt;
        },
        .first_on = [this](std::string_view name, std::string_view subject,
                           std::uint64_t seq) -> std::optional<stored_message> {
          ++looked_at;
          for (const auto& each : streams.find(name)->second)
            if (each.seq >= seq && each.subject == subject)
              return each;
          return std::nullopt;
        },
        .from =
            [this](std::string_view name, std::uint64_t seq, const shelf::visitor& visit) {
              show(name, visit, [seq](const auto& each) { return each.seq >= seq; });
            },
        .since =
            [this](std::string_view name, std::int64_t since, const shelf::visitor& visit) {
              show(name, visit, [since](const auto& each) { return each.stored_at_ns >= since; });
            }};
  }

private:
  template <class Begins>
  void show(std::string_view name, const shelf::visitor& visit, Begins begins) {
    const auto& list = streams.find(name)->second;
    for (auto each = std::find_if(list.begin(), list.end(), begins); each != list.end(); ++each) {
      ++looked_at;
      if (!visit(*each))
        return;
    }
  }
};

} // namespace ledgerd::test
