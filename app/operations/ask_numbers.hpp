// Asks nodes over NATS for the numbers of their actors.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "messaging/cluster_answer.hpp"
#include "messaging/cluster_ports.hpp"

namespace ledgerd {

// What one node says. Without a document it has not answered.
struct node_numbers {
  std::string name;
  std::string boot;
  std::string version;
  bool silent = false;                            // it has not even said how it is
  std::optional<nlohmann::ordered_json> document; // as of GET /v1/actors
};

// The answers to one question. Pure.
class numbers_gathering {
public:
  // `expected` are those who are known; `number` is that of the question.
  numbers_gathering(std::uint64_t number, const std::vector<node_view>& expected);

  // What is no answer to this question is ignored, as is a second one of the same life. A node that
  // nobody knew is added.
  void add(const line_reply& reply);

  // Whether everybody has answered who is not silent.
  bool complete() const;

  // By name, then boot id.
  const std::vector<node_numbers>& nodes() const noexcept { return nodes_; }

private:
  std::uint64_t number_;
  std::vector<node_numbers> nodes_;
};

// Asks on an own line, which nobody else uses, and waits until all that are expected have answered,
// at most that long. `node`: only the one of this name. Blocks.
std::vector<node_numbers>
ask_numbers(const std::shared_ptr<peer_line>& to_all, const std::vector<node_view>& expected,
            const std::string& node,
            std::chrono::milliseconds at_most = std::chrono::milliseconds{3000});

} // namespace ledgerd
