// What nodes answer when somebody asks them how they are, and what many such answers say together.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/boot_id.hpp"
#include "messaging/cluster_codec.hpp"

namespace ledgerd {

// Another node, as this one knows it.
struct known_node {
  boot_id boot{};
  std::string name;
  std::string version;
  bool ledger = false; // its roles
  bool account = false;
  node_doing doing = node_doing::starting;
  std::uint64_t age_ms = 0; // of its last word, by the monotonic clock of who knows it
  bool link_up = false;     // entries can be forwarded to it

  friend bool operator==(const known_node&, const known_node&) = default;
};

// Entries that went from one node to another.
struct node_exchange {
  std::string node; // the other one's name
  std::uint64_t entries = 0;

  friend bool operator==(const node_exchange&, const node_exchange&) = default;
};

// What became of the entries that a node took from the stream, also of those that another one
// decided.
struct entry_counts {
  std::uint64_t applied = 0;
  std::uint64_t refused = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t parked = 0;

  friend bool operator==(const entry_counts&, const entry_counts&) = default;
};

// For how long the oldest undecided request that a node holds of a consumer has been waiting in
// all; nothing: the node does not know.
struct consumer_age {
  std::string consumer;
  std::optional<std::uint64_t> oldest_ms;

  friend bool operator==(const consumer_age&, const consumer_age&) = default;
};

// What a node has counted since it started.
struct node_tally {
  std::uint64_t shards = 0;           // that it owns now
  std::uint64_t decided = 0;          // entries, here
  std::uint64_t returned = 0;         // entries of peers, undecided
  std::uint64_t fence_rejections = 0; // groups whose head was old
  std::uint64_t hand_overs = 0;       // changes of the ownership
  std::uint64_t frames_dropped = 0;   // of whatever reason
  std::vector<node_exchange> forwarded;
  // Nothing: an earlier version, which does not say so, or not all of its fetchers answer. No 0.
  std::optional<entry_counts> entries{};
  std::vector<consumer_age> undecided{}; // by consumer; empty likewise
  std::uint64_t counted_ms = 0; // its uptime when all this was counted; 0: an earlier version

  friend bool operator==(const node_tally&, const node_tally&) = default;
};

struct cluster_answer {
  node_word word;
  // Those that it hears, and those that it has heard within `silence_shown_ms`; not those that have
  // said that they go.
  std::vector<known_node> knows;
  node_tally tally;

  friend bool operator==(const cluster_answer&, const cluster_answer&) = default;
};

// For so long a node that is not heard any more stays among those that are known.
inline constexpr std::uint64_t silence_shown_ms = 60000;

std::string encode_answer(const cluster_answer& answer);

// Nothing for whatever is not an answer. Unknown fields are ignored: a later version may say more.
std::optional<cluster_answer> decode_answer(std::string_view payload);

struct node_view {
  node_word word; // of a silent node, as others have heard it
  bool silent = false;
  // Of its last word: where that is youngest when it is silent, where it is oldest when it has
  // answered; nothing: nobody else knows it.
  std::optional<std::uint64_t> age_ms;
  // Whether the links of all others that know it and have the ledger role carry entries to it;
  // nothing: there are none, or it has not that role itself.
  std::optional<bool> link_up;
  node_tally tally;                    // empty when it is silent
  std::vector<node_exchange> received; // by what the others say that they forwarded
};

// All that can be said of the cluster from these answers: those that answered, and, silent, those
// that they know and that did not answer. A silent node is left out when its name is that of one
// that began after its last word: it has come back. By name, then boot id.
std::vector<node_view> view_of(const std::vector<cluster_answer>& answers);

// Whether everybody that anybody knows has answered.
bool is_complete(std::span<const cluster_answer> answers);

// Another node with this name that has answered; null: there is none.
const cluster_answer* find_namesake(std::span<const cluster_answer> answers, std::string_view name,
                                    boot_id self);

// A node that has answered and serves another ledger than this one; null: there is none.
const cluster_answer* find_stranger(std::span<const cluster_answer> answers,
                                    std::uint64_t database);

} // namespace ledgerd
