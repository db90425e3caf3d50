// OUTBOX: an actor's letters on their way to a stream. Each is kept from its first publication to
// its PubAck, published again under the same id while there is none (under another one where the
// stream has mislaid it), and given up only where its actor allows it.
//
// Belongs to one actor; calls the publisher on that actor's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "actors/common/progress.hpp"
#include "actors/common/report.hpp"
#include "domain/assert.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

// When a letter is no longer published again.
enum class give_up : std::uint8_t {
  never,
  when_refused, // the stream will never take it as it is
  when_late,    // then, or no PubAck comes within the patience, nor to a repeat
};

struct outbox_options {
  std::shared_ptr<publisher> to;
  std::chrono::milliseconds retry_pause{1000};
  std::chrono::milliseconds patience{3000}; // see `give_up::when_late`
  // Makes a letter smaller that the stream found too large, for at most so many bytes (0: not
  // known); false: it cannot. Null: nothing is made smaller.
  bool (*shrink)(outgoing&, std::size_t bytes_max) = nullptr;
  // How long a stream may say that it knows a letter's id and not where it is. Then it is published
  // under another id, and may be stored twice: otherwise it would wait until the stream forgets.
  std::chrono::milliseconds id_patience{5000};
};

class outbox {
public:
  struct letter {
    outgoing message;
    give_up when = give_up::never;
    progress_time since;                  // first published
    progress_time tried;                  // published over the connection that is up since then
    progress_time due;                    // published again then
    bool under_way = true;                // with the publisher
    int tries = 1;                        // over the connection that is up since `tried`
    std::optional<progress_time> mislaid; // since then, under this id
  };

  enum class fate : std::uint8_t {
    stored,
    again,    // not stored: published again, at once when it could be made smaller, else when due
    renamed,  // its stream has another message of its id: published again under one of its own
    given_up, // not stored, and no longer kept here
  };

  outbox() = default;
  explicit outbox(outbox_options options) : options_(std::move(options)) {}

  // Publishes a letter. Precondition (asserted): no other is kept under its token.
  void put(outgoing&& message, give_up when, progress_time now);

  // Takes the publisher's answers and calls `on_news(answer, fate, letter)` for each: the letter is
  // not kept here any more unless it is published again.
  template <class OnNews>
  void take(progress_time now, OnNews on_news) {
    for (const auto& got : options_.to->take()) {
      const auto found = letters_.find(got.token);
      LEDGERD_ASSERT(found != letters_.end());
      const auto what = judge(found->second, got, now);
      if (what == fate::again || what == fate::renamed) {
        on_news(got, what, found->second);
        continue;
      }
      const auto gone = letters_.extract(found);
      note_gone(what, now);
      on_news(got, what, gone.mapped());
    }
  }

  // Publishes again what is due, and gives back the memory of a flood that is over. Called
  // regularly.
  void publish_due(progress_time now);

  // A letter that waits to be published again is not kept any more. Precondition (asserted): it is
  // one of those.
  void let_go(std::uint64_t token, progress_time now);

  std::size_t size() const noexcept { return letters_.size(); }

  // What finding a letter costs of memory.
  std::size_t buckets() const noexcept { return letters_.bucket_count(); }

  // For how long no PubAck has come although one was waited for, and why.
  standstill wait(progress_time now) const;

  // Why the last letter that was not stored was not; empty once one is.
  const std::string& last_failure() const noexcept { return last_failure_; }

  // When the oldest letter was first published; `otherwise` when that is earlier or there is none.
  progress_time oldest(progress_time otherwise) const;

private:
  // Publishes again what may be smaller now.
  fate judge(letter& of, const confirmation& got, progress_time now);
  void note_failure(const letter& of, const confirmation& got);
  void note_gone(fate what, progress_time now);

  outbox_options options_;
  std::unordered_map<std::uint64_t, letter> letters_; // by token
  awaited puback_;
  std::string last_failure_;
  bool declined_ = false; // by the broker's own word
};

} // namespace ledgerd
