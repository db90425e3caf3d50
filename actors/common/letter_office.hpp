// LETTER OFFICE: what an actor publishes about the deliveries that it holds. A dead letter is named
// after the life of the stream that its message came from, so it waits until the source knows that.
// What no stream takes, or cannot be named, is given up for now: its delivery is postponed, gives
// its credit back and comes again later.
//
// Belongs to one actor, beside its lease table, whose deliveries stay where they are; calls source
// and publisher on that actor's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/common/outbox.hpp"
#include "actors/common/progress.hpp"
#include "actors/common/protocol.hpp"
#include "actors/common/report.hpp"
#include "actors/common/unstored.hpp"
#include "domain/log_throttle.hpp"
#include "messaging/codec.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct letter_office_options {
  std::string instance; // of the actor, for log lines
  std::string node_name;
  std::shared_ptr<delivery_source> source;
  std::shared_ptr<publisher> letters;
  std::chrono::milliseconds retry_pause;
  std::chrono::milliseconds letter_patience; // see `give_up::when_late`; for a name, too
};

struct letter_counters {
  std::int64_t parked = 0;
  std::int64_t unconfirmed = 0; // publications
  std::int64_t postponed = 0;
  std::int64_t known_before = 0; // new verdicts whose stream had another one of the record
};

constexpr exposure unanswered_acks() {
  return exported("ledgerd_acknowledgements_unanswered_seconds",
                  "For how long the broker has taken no acknowledgement; one a second asks.")
      .by("consumer", label_of::instance)
      .merging_by(merging::greatest)
      .as_seconds();
}

class letter_office {
public:
  letter_office() = default;
  explicit letter_office(letter_office_options options);

  // Publishes a result; its token is the delivery's ticket.
  void publish(outgoing&& result, progress_time now);

  // Publishes the dead letter of a delivery, as soon as it can be named, and takes the payload out
  // of it. `source` stays where it is until the letter's end.
  void park(ticket tag, delivery& source, rejection why, progress_time now);

  // Publishes the dead letters that can be named now.
  void name_letters(progress_time now);

  // Takes the publisher's answers. For each letter that has come to its end calls
  // `on_end(held, stored)`, which settles the delivery that `at(ticket)` gives.
  template <class At, class OnEnd>
  void take(progress_time now, At at, OnEnd on_end) {
    for (const auto tag : take_unnamed(now))
      on_end(at(tag), false);
    letters_.take(now,
                  [&](const confirmation& got, outbox::fate what, const outbox::letter& letter) {
                    if (what == outbox::fate::again)
                      return note_again(got, letter, now);
                    if (what == outbox::fate::renamed)
                      return note_renamed(letter, now);
                    auto& held = at(got.token);
                    const bool stored = what == outbox::fate::stored;
                    if (stored)
                      note_stored(held.source.stream_seq);
                    else
                      note_given_up({letter.message.message_id, letters_.last_failure()},
                                    letter.since, held.source.stream_seq, now);
                    on_end(held, stored);
                  });
  }

  // Publishes again what is due, and tells health and log what has no place.
  void upkeep(progress_time now);

  // The actor goes: what has no name yet is handed back with the rest.
  void close();

  const letter_counters& counters() const noexcept { return counters_; }
  // Letters that no stream takes.
  std::size_t unstored(progress_time now) const { return unstored_.count(now); }

  // For how long the oldest letter has been without a PubAck.
  std::chrono::milliseconds oldest_unconfirmed(progress_time now) const;

  // For how long the broker has taken no acknowledgement.
  std::chrono::milliseconds acks_unanswered() const;

  // For how long no PubAck has come although one was waited for, or no answer to the source's
  // pulls or acknowledgements, and why.
  standstill wait(progress_time now) const;

private:
  struct nameless_letter {
    ticket tag;
    delivery* source;
    rejection why;
    progress_time since;
  };

  struct unstored_letter {
    std::string name;
    std::string cause;
  };

  // Gives up, for now, those that have waited for their name too long.
  std::vector<ticket> take_unnamed(progress_time now);
  bool publish_letter(nameless_letter& one, progress_time now);
  void tell_unacknowledged(progress_time now);
  void note_stored(std::uint64_t stream_seq);
  void note_again(const confirmation& got, const outbox::letter& letter, progress_time now);
  void note_renamed(const outbox::letter& letter, progress_time now);
  void note_given_up(const unstored_letter& which, progress_time since, std::uint64_t stream_seq,
                     progress_time now);

  letter_office_options options_;
  outbox letters_;
  std::vector<nameless_letter> nameless_;
  unstored_letters unstored_;
  log_throttle lines_;
  progress_time next_ack_line_;
  letter_counters counters_;
};

} // namespace ledgerd
