#include "actors/common/letter_office.hpp"

#include "actors/common/log.hpp"
#include "actors/common/unplaced.hpp"
#include "domain/failpoint.hpp"

namespace ledgerd {

namespace {

// A broker that answers gives a sign every second.
constexpr std::chrono::milliseconds pull_patience{4000};

// An acknowledgement that is lost is none of the broker's silences, and it may be slow to take one.
constexpr std::chrono::milliseconds ack_patience{10000};
constexpr std::chrono::seconds ack_line_pause{30};

standstill standing(const char* what, const delivery_source::silence& silence,
                    std::chrono::milliseconds patience) {
  if (silence.since < patience)
    return {};
  return {.since = silence.since,
          .what = std::string(what) + " on " + silence.subject
                  + (silence.complaint.empty() ? "" : ": " + silence.complaint),
          .alone = silence.alone,
          .refused = !silence.complaint.empty()};
}

} // namespace

letter_office::letter_office(letter_office_options options)
    : options_(std::move(options)),
      letters_({options_.letters, options_.retry_pause, options_.letter_patience, shrink_letter}) {}

void letter_office::publish(outgoing&& result, progress_time now) {
  letters_.put(std::move(result), give_up::when_refused, now);
}

void letter_office::park(ticket tag, delivery& source, rejection why, progress_time now) {
  if (const auto more = lines_.admit(to_text(why.reason), now))
    log(log_event::message_parked,
        {{"consumer", options_.instance},
         {"stream", source.stream},
         {"seq", source.stream_seq},
         {"reason", to_text(why.reason)},
         {"detail", why.detail}},
        "{}: parking {} of {}: {}: {}{}", options_.instance, source.stream_seq, source.stream,
        to_text(why.reason), why.detail, left_out_text(*more));
  ++counters_.parked;
  nameless_letter one{tag, &source, std::move(why), now};
  if (!publish_letter(one, now))
    nameless_.push_back(std::move(one));
}

void letter_office::name_letters(progress_time now) {
  std::erase_if(nameless_, [&](nameless_letter& one) { return publish_letter(one, now); });
}

std::vector<ticket> letter_office::take_unnamed(progress_time now) {
  std::vector<ticket> result;
  std::erase_if(nameless_, [&](const nameless_letter& one) {
    if (now - one.since <= options_.letter_patience)
      return false;
    note_given_up({"a dead letter", "its stream does not say which life of it this is"}, one.since,
                  one.source->stream_seq, now);
    result.push_back(one.tag);
    return true;
  });
  return result;
}

bool letter_office::publish_letter(nameless_letter& one, progress_time now) {
  if (!options_.source->identify(*one.source))
    return false;
  failpoint("park");
  letters_.put(make_dead_letter(one.tag, std::move(*one.source), one.why, options_.node_name,
                                options_.letters->message_bytes_max()),
               give_up::when_late, now);
  return true;
}

void letter_office::upkeep(progress_time now) {
  unstored_.forget_old(now);
  note_unplaced(options_.instance, unstored_.count(now), oldest_unconfirmed(now),
                unstored_.cause());
  for (const auto& [kind, count] : lines_.overdue(now))
    log(log_event::lines_left_out,
        {{"consumer", options_.instance}, {"of", kind}, {"count", count}}, "{}: {} more: {}",
        options_.instance, count, kind);
  letters_.publish_due(now);
  tell_unacknowledged(now);
}

void letter_office::tell_unacknowledged(progress_time now) {
  const auto silence = options_.source->unacknowledged();
  if (silence.since < ack_patience || now < next_ack_line_)
    return;
  next_ack_line_ = now + ack_line_pause;
  log(log_event::acks_unanswered,
      {{"consumer", options_.instance}, {"subject", silence.subject}, {"why", silence.complaint}},
      "{}: for {} ms NATS has taken no acknowledgement, so that all comes again{}{}; may this user "
      "publish on {}, and does its account import it?",
      options_.instance, silence.since.count(), silence.complaint.empty() ? "" : ": ",
      silence.complaint, silence.subject);
}

std::chrono::milliseconds letter_office::acks_unanswered() const {
  return options_.source->unacknowledged().since;
}

void letter_office::close() {
  nameless_.clear();
  note_unplaced(options_.instance, 0, {}, {});
}

std::chrono::milliseconds letter_office::oldest_unconfirmed(progress_time now) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      now - letters_.oldest(unstored_.oldest(now)));
}

standstill letter_office::wait(progress_time now) const {
  return longer(
      letters_.wait(now),
      longer(standing("pulls are not answered", options_.source->unanswered(), pull_patience),
             standing("acknowledgements are not answered", options_.source->unacknowledged(),
                      ack_patience)));
}

void letter_office::note_stored(std::uint64_t stream_seq) {
  unstored_.stored(stream_seq);
}

void letter_office::note_again(const confirmation& got, const outbox::letter& letter,
                               progress_time now) {
  ++counters_.unconfirmed;
  if (letter.under_way)
    return; // it was made smaller
  if (const auto more = lines_.admit(got.is_final() ? "refused" : "not confirmed", now))
    log(log_event::letter_unconfirmed,
        {{"consumer", options_.instance},
         {"messageId", letter.message.message_id},
         {"why", letters_.last_failure()}},
        "{}: {} not confirmed, publishing again ({} so far): {}{}", options_.instance,
        letter.message.message_id, counters_.unconfirmed, letters_.last_failure(),
        left_out_text(*more));
}

// The row is new and the verdict is not: the database has lost what was decided, or somebody else
// publishes results. Whoever was told the old verdict has to hear the new one.
void letter_office::note_renamed(const outbox::letter& letter, progress_time now) {
  ++counters_.known_before;
  if (const auto more = lines_.admit("known before", now))
    log(log_event::result_known_before,
        {{"consumer", options_.instance}, {"messageId", letter.message.message_id}},
        "{}: its stream has another verdict on this record, although its row was written just "
        "now: the database has lost rows, or somebody else publishes results; published as {}{}",
        options_.instance, letter.message.message_id, left_out_text(*more));
}

// Nobody can do anything about it at present.
void letter_office::note_given_up(const unstored_letter& which, progress_time since,
                                  std::uint64_t stream_seq, progress_time now) {
  ++counters_.unconfirmed;
  ++counters_.postponed;
  unstored_.add(stream_seq, since, now, which.cause);
  if (const auto more = lines_.admit("postponed", now))
    log(log_event::letter_unstored,
        {{"consumer", options_.instance},
         {"messageId", which.name},
         {"seq", stream_seq},
         {"why", which.cause}},
        "{}: {} is not stored, its message stays in its stream and comes again in half a "
        "minute: {}{}",
        options_.instance, which.name, which.cause, left_out_text(*more));
}

} // namespace ledgerd
