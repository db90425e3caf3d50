// MEMBER TABLE: the other nodes, by what they say and for how long they have been silent. Silence
// is counted while somebody looks: a node that was stopped for a minute has not found the others
// dead.
//
// Pure; belongs to one actor.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messaging/cluster_answer.hpp"
#include "messaging/cluster_codec.hpp"

namespace ledgerd {

// What a word tells that was not known.
enum class member_news : std::uint8_t {
  nothing, // it still lives
  joined,
  changed, // does something else, or says anything else that others must hear
  left,    // by its own word
  refused, // there are too many; it is not in the table
};

class member_table {
public:
  // More are strangers who make up names: no cluster has so many nodes.
  static constexpr std::size_t members_max = 256;
  // A node that is silent is shown for so long; see `silence_shown_ms`.
  static constexpr std::chrono::milliseconds shown{silence_shown_ms};

  // `database`: which ledger this node serves; 0: not known.
  member_table(boot_id self, std::chrono::milliseconds patience, std::uint64_t database = 0)
      : self_(self), patience_(patience), database_(database) {}

  // Precondition: the word is another node's.
  member_news hear(const node_word& word);

  // So much time has passed in which words would have been heard. Returns those that have been
  // silent for longer than the patience only now.
  std::vector<node_word> pass(std::chrono::milliseconds time);

  // The last words of those that live and do not serve another ledger.
  std::vector<node_word> living() const;

  // One that lives and serves another ledger; null: there is none. One that is starting gives way,
  // and counts only for those that start as well.
  const node_word* stranger(bool starting) const;

  bool is_stranger(const node_word& word) const noexcept {
    return serve_different_ledgers(word.database, database_);
  }

  // One that lives and has this name; null: there is none. One that is starting gives way, and
  // counts only for those that start as well and have the higher boot id.
  const node_word* namesake(const std::string& name, bool starting) const;

  // Those that live and those that have fallen silent, with their age; the links are not filled in.
  std::vector<known_node> known() const;

private:
  struct member {
    node_word word;
    std::chrono::milliseconds silent{0};
  };

  bool lives(const member& one) const noexcept { return one.silent < patience_; }

  template <class Wanted>
  const node_word* find(Wanted wanted) const {
    for (const auto& [boot, one] : members_)
      if (lives(one) && wanted(one.word))
        return &one.word;
    return nullptr;
  }
  bool make_room();

  boot_id self_;
  std::chrono::milliseconds patience_;
  std::uint64_t database_;
  std::map<boot_id, member> members_;
};

} // namespace ledgerd
