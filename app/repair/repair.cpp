#include "app/repair/repair.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <set>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>

#include "app/base/text.hpp"
#include "app/repair/result_preview.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

// Letters that are worked through together.
constexpr std::size_t batch_letters = 256;
constexpr std::size_t batch_bytes = std::size_t{8} << 20;
// Letters whose entries are stored before the first of them is deleted: when that fails, so many
// entries stand of letters that are there.
constexpr std::size_t discarded_together = 16;
constexpr std::size_t publish_window = 256;
constexpr auto publish_patience = std::chrono::seconds{5};
// How long to wait for verdicts that the next letters build on.
constexpr auto verdict_patience = std::chrono::seconds{5};
constexpr auto verdict_poll = std::chrono::milliseconds{5};

void publish(broker& nats, std::deque<outgoing> messages) {
  if (messages.empty())
    return;
  nats.publish_all(
      [&]() -> std::optional<outgoing> {
        if (messages.empty())
          return std::nullopt;
        auto next = std::move(messages.front());
        messages.pop_front();
        return next;
      },
      publish_window, [](std::uint64_t) {}, publish_patience);
}

// Hands out the letters that are meant, batch by batch.
class letter_feed {
public:
  letter_feed(const repair_tools& tools, const repair_order& order)
      : tools_(tools), order_(order), seqs_(order.seqs), next_seq_(order.after + 1),
        state_(tools.nats.stream(names::dead_letter_stream)),
        last_seq_(std::min(order.up_to.value_or(UINT64_MAX), state_.last_seq)) {
    std::sort(seqs_.begin(), seqs_.end());
    seqs_.erase(std::unique(seqs_.begin(), seqs_.end()), seqs_.end());
    seqs_.erase(seqs_.begin(), std::lower_bound(seqs_.begin(), seqs_.end(), next_seq_));
    if (order.up_to)
      seqs_.erase(std::upper_bound(seqs_.begin(), seqs_.end(), *order.up_to), seqs_.end());
  }

  // Those whose sequence number has no letter are told by `missing`. Empty: that was all.
  std::vector<dead_letter> take(const std::function<void(std::uint64_t)>& missing,
                                const stop_asked& stop) {
    std::vector<dead_letter> batch;
    if (!order_.seqs.empty())
      take_named(batch, missing);
    else
      take_matching(batch, stop);
    for (auto& each : batch)
      read_content(each);
    return batch;
  }

  // Whether there may be more, and behind which letter.
  std::optional<std::uint64_t> rest() const {
    const bool more = order_.seqs.empty() ? next_seq_ <= last_seq_ : at_ < seqs_.size();
    return more ? std::optional{next_seq_ - 1} : std::nullopt;
  }

  // No letter above it is taken.
  std::uint64_t last() const noexcept { return last_seq_; }

private:
  void take_named(std::vector<dead_letter>& batch,
                  const std::function<void(std::uint64_t)>& missing) {
    std::size_t bytes = 0;
    for (; at_ < seqs_.size() && batch.size() < batch_letters && bytes < batch_bytes; ++at_) {
      const auto seq = seqs_[at_];
      next_seq_ = seq + 1;
      auto message =
          state_.exists ? tools_.nats.message(names::dead_letter_stream, seq) : std::nullopt;
      if (!message) {
        missing(seq);
        continue;
      }
      bytes += message->payload.size();
      batch.push_back(read_letter(*std::move(message)));
    }
  }

  // Up to the end as it was at the beginning, or when somebody looked at a dry run: what is parked
  // since is not taken.
  void take_matching(std::vector<dead_letter>& batch, const stop_asked& stop) {
    const auto& filter = order_.filter;
    if (!state_.exists || state_.messages == 0)
      next_seq_ = last_seq_ + 1;
    if (next_seq_ > last_seq_ || taken_ == order_.limit)
      return;
    if (filter.needs_replays() && !tools_.shelf.read_marks(stop))
      return;
    const auto replays = [&](std::uint64_t seq) { return tools_.shelf.marks().of(seq).times; };
    std::size_t bytes = 0;
    bool at_end = true;
    tools_.nats.read(names::dead_letter_stream, "", next_seq_, [&](const stored_message& message) {
      if (message.seq > last_seq_)
        return false;
      next_seq_ = message.seq + 1;
      auto letter = read_letter(message);
      if (filter.matches(letter, replays)) {
        bytes += message.payload.size();
        batch.push_back(std::move(letter));
        ++taken_;
      }
      at_end = batch.size() < batch_letters && bytes < batch_bytes && taken_ < order_.limit
               && !(message.seq % 256 == 0 && stop());
      return at_end;
    });
    if (at_end)
      next_seq_ = last_seq_ + 1;
  }

  const repair_tools& tools_;
  const repair_order& order_;
  std::vector<std::uint64_t> seqs_; // those that were named, in ascending order
  std::size_t at_ = 0;              // in them
  std::size_t taken_ = 0;           // of those that match
  std::uint64_t next_seq_;
  stream_state state_;
  std::uint64_t last_seq_;
};

class repairing {
public:
  repairing(const repair_tools& tools, const repair_order& order,
            const std::function<void(const repair_step&)>& tell, const stop_asked& stop)
      : tools_(tools), order_(order), tell_(tell), stop_(stop),
        preview_(tools.currencies, tools.rules, tools.ledger != nullptr, order.force),
        results_(tools.currencies) {}

  repair_outcome run() {
    if (!order_.dry_run && !tools_.nats.stream(names::action_stream).exists)
      throw std::runtime_error("stream " + std::string{names::action_stream}
                               + ": is missing, and a discard without an entry there would look "
                                 "like a loss to `ledgerd audit`; a daemon makes it at its start");
    try {
      work();
    } catch (const std::runtime_error& why) {
      if (outcome_.count == 0)
        throw;
      outcome_.failure = one_line(why.what());
      outcome_.next = last_done_;
    }
    return std::move(outcome_);
  }

private:
  struct judged_letter {
    dead_letter letter;
    repair_step step;
  };

  void work() {
    letter_feed feed(tools_, order_);
    outcome_.up_to = feed.last();
    const auto missing = [this](std::uint64_t seq) {
      ++outcome_.missing;
      tell_({.seq = seq, .found = false});
    };
    for (;;) {
      auto letters = feed.take(missing, stop_);
      outcome_.next = feed.rest();
      if (!letters.empty())
        work_off(letters);
      if (cut_short_ || !outcome_.next || stop_() || (letters.empty() && order_.seqs.empty()))
        return;
    }
  }

  void work_off(std::vector<dead_letter>& letters) {
    if (order_.what == action_kind::discard)
      return discard(letters);
    const auto uneditable = edit(letters);
    learn(letters);
    std::vector<judged_letter> wave;
    for (auto& letter : letters) {
      const auto seq = letter.seq();
      const auto fault = uneditable.find(seq);
      auto expected = fault == uneditable.end() ? judge(letter) : fault->second;
      if (expected.waits && !send(wave, true))
        return cut_short(seq - 1);
      if (order_.edits())
        refuse_edit(expected);
      const bool parked = expected.what == expectation::parked;
      const bool sent = expected.can_be_sent() && (!parked || (order_.force && !order_.edits()));
      const bool is_copied = is_copy(letter);
      outcome_.copies += is_copied ? 1 : 0;
      if (sent || is_copied)
        going_.emplace(seq, digest_of(letter));
      repair_step step{.seq = seq,
                       .record = letter.content.record,
                       .replay_of = letter.replay_of,
                       .subject = target_of(letter).subject,
                       .terms = terms_of(letter, expected.asked, tools_.currencies),
                       .expected = std::move(expected),
                       .done = sent};
      wave.push_back({std::move(letter), std::move(step)});
    }
    const auto last = wave.back().step.seq;
    if (!send(wave, outcome_.next.has_value()) && outcome_.next)
      return cut_short(last);
    preview_.settle();
  }

  expected_verdict judge(const dead_letter& letter) {
    if (is_copy(letter))
      return {.what = expectation::none,
              .detail = "it came of a replay of letter " + std::to_string(*letter.replay_of)
                        + ", with which its message goes out already"};
    if (target_of(letter).is_result)
      return judge_result(letter);
    auto expected = preview_.judge(letter);
    if (letter.left_record && expected.detail.empty())
      expected.detail = "record " + std::to_string(to_int(*letter.left_record))
                        + " has ended as FAILED, and its caller was told so; what goes out is "
                          "another request";
    return expected;
  }

  expected_verdict judge_result(const dead_letter& letter) {
    auto expected = results_.judge(letter);
    if (expected.what == expectation::result && !records_fault_.empty() && !order_.force)
      return {.what = expectation::none,
              .detail = "the account side judges results, and its database cannot be asked: "
                        + records_fault_};
    return expected;
  }

  static std::size_t digest_of(const dead_letter& letter) {
    return std::hash<std::string>{}(letter.subject + " " + letter.message.payload);
  }

  // Whether an earlier letter of this order, whose replay has led to this one, goes out with the
  // same message: each replay of both would leave twice as many letters.
  bool is_copy(const dead_letter& letter) const {
    if (!order_.seqs.empty() || !letter.replay_of)
      return false;
    const auto of = going_.find(*letter.replay_of);
    return of != going_.end() && of->second == digest_of(letter);
  }

  void cut_short(std::uint64_t after) {
    cut_short_ = true;
    outcome_.next = after;
  }

  // The messages that go out instead. What becomes of those that cannot be edited.
  std::map<std::uint64_t, expected_verdict> edit(std::vector<dead_letter>& letters) const {
    std::map<std::uint64_t, expected_verdict> faults;
    if (order_.edits())
      for (auto& each : letters)
        if (auto fault = edit(each))
          faults.emplace(each.seq(), *std::move(fault));
    return faults;
  }

  std::optional<expected_verdict> edit(dead_letter& letter) const {
    if (letter.stream == names::result_stream)
      return expected_verdict{.what = expectation::none,
                              .detail = "a result is what the ledger has said, and is not edited"};
    const auto record = letter.content.record;
    auto& payload = letter.message.payload;
    if (order_.payload) {
      payload = *order_.payload;
      letter.full_bytes.reset();
    }
    if (!order_.set.empty()) {
      auto changed = with_changes(payload, order_.set);
      if (!changed)
        return expected_verdict{.what = expectation::parked,
                                .reason = std::string(to_text(dead_reason::malformed_json)),
                                .detail = "the payload is no JSON object, so no field of it can "
                                          "be set; give the whole payload instead"};
      payload = *std::move(changed);
    }
    read_content(letter);
    if (record && letter.account_record == record && letter.content.record != record)
      letter.left_record = record;
    return std::nullopt;
  }

  void refuse_edit(const expected_verdict& expected) const {
    if (expected.what == expectation::unknown && !expected.asked)
      throw std::runtime_error("an edited message is validated before it is published, and the "
                               "currencies are not known: no database is configured");
    if (!order_.edits_one())
      return;
    if (expected.what == expectation::none)
      throw edit_refused(dead_reason::invalid_field, expected.detail);
    if (expected.what != expectation::parked)
      return;
    for (auto code = 0; code <= static_cast<int>(dead_reason::contrary_verdict); ++code)
      if (const auto reason = static_cast<dead_reason>(code); expected.reason == to_text(reason))
        throw edit_refused(reason, expected.detail);
  }

  void learn(const std::vector<dead_letter>& letters) {
    for (const auto& each : letters) {
      preview_.want(each);
      results_.want(each);
    }
    ask_records(results_.take_wanted());
    if (const auto ids = preview_.take_wanted_records(); !ids.empty())
      for (const auto& found : tools_.ledger->find_all(ids))
        preview_.learn(found.row);
    for (const auto& user : preview_.take_wanted_users())
      for (const auto& account : tools_.ledger->accounts_of(user))
        preview_.learn(account);
  }

  // Where that fails, requests are replayed all the same.
  void ask_records(const std::vector<record_id>& ids) {
    if (ids.empty() || tools_.records == nullptr)
      return;
    try {
      if (!tools_.records->exists())
        return;
      for (const auto id : ids) {
        auto next = tools_.records->after(record_id{to_int(id) - 1}, 1);
        const bool exists = !next.empty() && next.front().row.id == id;
        results_.learn(id, exists ? std::optional{std::move(next.front())} : std::nullopt);
      }
    } catch (const std::runtime_error& why) {
      records_fault_ = one_line(why.what());
    }
  }

  // Everything of the wave, whose verdicts do not depend on each other; when more letters follow,
  // which build on them, then these verdicts are waited for. False: told to stop.
  bool send(std::vector<judged_letter>& wave, bool more) {
    if (!order_.dry_run) {
      std::deque<outgoing> entries;
      std::deque<outgoing> messages;
      for (const auto& [letter, step] : wave)
        if (step.done) {
          entries.push_back(action_entry(order_.what, letter, order_.origin, &step.expected,
                                         order_.set, order_.payload.has_value()));
          messages.push_back(replay_message(letter, order_.origin.stamp));
        }
      publish(tools_.nats, std::move(entries));
      publish(tools_.nats, std::move(messages));
    }
    for (const auto& each : wave) {
      ++outcome_.verdicts[std::string(to_text(each.step.expected.what))];
      note(each.step);
    }
    if (!order_.dry_run && more)
      wait_for_verdicts(wave);
    wave.clear();
    return !stop_();
  }

  void note(const repair_step& step) {
    ++outcome_.count;
    outcome_.done += step.done ? 1 : 0;
    last_done_ = step.seq;
    tell_(step);
  }

  void wait_for_verdicts(const std::vector<judged_letter>& wave) {
    if (tools_.ledger == nullptr || nothing_comes_)
      return;
    std::set<record_id> waiting;
    for (const auto& [letter, step] : wave)
      if (step.done && step.expected.asked
          && (step.expected.what == expectation::success
              || step.expected.what == expectation::failed))
        waiting.insert(step.expected.asked->id);
    for (const auto end = steady::now() + verdict_patience;
         !waiting.empty() && steady::now() < end && !stop_();) {
      const std::vector<record_id> ids(waiting.begin(), waiting.end());
      for (const auto& found : tools_.ledger->find_all(ids))
        waiting.erase(found.row.record);
      if (!waiting.empty())
        std::this_thread::sleep_for(verdict_poll);
    }
    nothing_comes_ = !waiting.empty(); // no node decides: waiting again would only take longer
  }

  void discard(std::span<const dead_letter> letters) {
    while (!letters.empty()) {
      const auto group = letters.first(std::min(letters.size(), discarded_together));
      letters = letters.subspan(group.size());
      if (!order_.dry_run)
        write_down(group);
      for (const auto& each : group) {
        if (!order_.dry_run)
          erase(each.seq());
        note({.seq = each.seq(), .record = each.content.record, .done = true});
      }
    }
  }

  // Before anything is deleted: a letter without an entry is never gone.
  void write_down(std::span<const dead_letter> letters) const {
    std::deque<outgoing> entries;
    for (const auto& each : letters)
      entries.push_back(action_entry(order_.what, each, order_.origin, nullptr, {}, false));
    publish(tools_.nats, std::move(entries));
  }

  void erase(std::uint64_t seq) const {
    try {
      tools_.nats.delete_message(names::dead_letter_stream, seq);
    } catch (const std::runtime_error&) {
      // Somebody else was quicker.
      if (tools_.nats.message(names::dead_letter_stream, seq))
        throw;
    }
  }

  const repair_tools& tools_;
  const repair_order& order_;
  const std::function<void(const repair_step&)>& tell_;
  const stop_asked& stop_;
  verdict_preview preview_;
  result_preview results_;
  std::string records_fault_; // why the account side could not be asked; empty: it was
  std::unordered_map<std::uint64_t, std::size_t> going_; // a digest of each letter that goes out
  repair_outcome outcome_;
  std::uint64_t last_done_ = 0;
  bool cut_short_ = false;
  bool nothing_comes_ = false;
};

} // namespace

repair_outcome repair(const repair_tools& tools, const repair_order& order,
                      const std::function<void(const repair_step&)>& tell, const stop_asked& stop) {
  return repairing(tools, order, tell, stop).run();
}

} // namespace ledgerd
