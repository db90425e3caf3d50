// What nodes say of themselves to each other, as JSON, so that `nats sub 'ledgerd.cluster.>'` shows
// it to people. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/boot_id.hpp"

namespace ledgerd {

// The version of the frames that carry entries between nodes, and the oldest that is understood.
inline constexpr std::uint32_t link_version = 1;
inline constexpr std::uint32_t link_version_least = 1;

// What a node is doing. Only one that serves owns accounts.
enum class node_doing : std::uint8_t {
  starting, // hears who else is there
  serving,
  paused,  // its database is away
  stalled, // an actor of the ledger side makes no progress
  leaving, // finishes what it holds
  gone,    // its last word
};

std::string_view to_text(node_doing what) noexcept; // starting, serving, ...

// What a node says once a second, and at once when it changes or somebody asks.
struct node_word {
  boot_id boot{};
  std::string name;    // of the node, unique among those that live
  std::string version; // of the program
  // Frames it can read; another node forwards to it only what it understands.
  std::uint32_t link_least = 0;
  std::uint32_t link_most = 0;
  bool ledger = false; // its roles
  bool account = false;
  node_doing doing = node_doing::starting;
  // The digest of the ownership by which it holds nothing any more that another node owns; a node
  // that takes over waits for it. See domain/ownership.hpp.
  std::uint64_t released = 0;
  std::uint64_t uptime_ms = 0; // by its monotonic clock
  bool asks = false;           // everybody who hears it says his word at once
  // Which ledger it serves; 0: it has none, does not know or is of a version that does not say.
  // Nodes of different ledgers are no cluster.
  std::uint64_t database = 0;

  friend bool operator==(const node_word&, const node_word&) = default;
};

// Whether both know which ledger they serve, and it is not one.
bool serve_different_ledgers(std::uint64_t one, std::uint64_t other) noexcept;

std::string encode_word(const node_word& word);

// Nothing for whatever is not a word. Unknown fields are ignored: a later version may say more.
std::optional<node_word> decode_word(std::string_view payload);

} // namespace ledgerd
