#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

#include "domain/assert.hpp"
#include "messaging/cluster_codec.hpp"
#include "messaging/codec.hpp"
#include "messaging/link_codec.hpp"
#include "messaging/submission_codec.hpp"
#include "messaging/wire/json_reader.hpp"
#include "messaging/wire/link.pb.h"

namespace ledgerd {

namespace wire {

class answers_message {
public:
  link::Answers body;
  link::Page* page = nullptr; // the last
  std::int64_t last_id = 0;   // of the page
  std::int64_t last_time = 0;
};

} // namespace wire

namespace {

constexpr std::size_t head_bytes = 64;
constexpr std::size_t page_bytes = 96;
constexpr std::size_t answer_bytes = 56;
constexpr std::size_t conflict_bytes = 32; // more, beside the user id
constexpr std::size_t failure_bytes_max = 500;
constexpr std::size_t currency_bytes = 3;

constexpr auto int64_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// Differences wrap around, so that hostile ones do no harm.
std::int64_t minus(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::int64_t plus(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// A verdict on the wire: whether the posting is the entry's own, and what it says. The three kinds
// of a posting follow each other in this order.
constexpr outcome stored_kinds[] = {outcome::applied, outcome::insufficient_funds,
                                    outcome::balance_overflow};

std::uint32_t code_of(const answer& what) {
  const auto kind = std::find(std::begin(stored_kinds), std::end(stored_kinds), what.stored.verdict)
                    - std::begin(stored_kinds);
  LEDGERD_ASSERT(kind < std::ssize(stored_kinds));
  const auto base = what.verdict == outcome::duplicate  ? wire::link::DUPLICATE_APPLIED
                    : what.verdict == outcome::conflict ? wire::link::CONFLICT_APPLIED
                                                        : wire::link::APPLIED;
  return static_cast<std::uint32_t>(base + kind);
}

// False for a code that is no verdict.
bool read_code(std::uint32_t code, answer& into) {
  if (code < wire::link::APPLIED || code > wire::link::CONFLICT_BALANCE_OVERFLOW)
    return false;
  const auto steps = code - wire::link::APPLIED;
  into.stored.verdict = stored_kinds[steps % std::size(stored_kinds)];
  into.verdict = steps < 3   ? into.stored.verdict
                 : steps < 6 ? outcome::duplicate
                             : outcome::conflict;
  return true;
}

// Reads one page column by column.
class page_reader {
public:
  explicit page_reader(const wire::link::Page& page)
      : page_(page), user_ids_(page.user_ids()), currencies_(page.currencies()) {}

  bool read(std::vector<link_answer>& into) {
    if (page_.number() == 0 || page_.place_size() != page_.verdict_size())
      return false;
    for (int i = 0; i < page_.place_size(); ++i) {
      auto& one = into.emplace_back();
      one.number = page_.number();
      one.place = page_.place(i);
      if (one.place >= frame_entries_max || !read_one(page_.verdict(i), one))
        return false;
    }
    // What nothing refers to is a sign of a mix-up.
    return postings_ == page_.transaction_id_size() && conflicts_ == page_.movement_size()
           && failures_ == page_.failure_size() && user_ids_.empty() && currencies_.empty();
  }

private:
  bool read_one(std::uint32_t code, link_answer& into) {
    switch (code) {
    case wire::link::OWN_FAILURE:
      into.fate = link_fate::failed;
      return read_failure(into.failure);
    case wire::link::LATER:
      into.fate = link_fate::later;
      return true;
    case wire::link::RETURNED:
      into.fate = link_fate::returned;
      return true;
    case wire::link::FULL:
      into.fate = link_fate::full;
      return true;
    default:
      into.fate = link_fate::decided;
      return read_code(code, into.verdict) && read_posting(into.verdict.stored)
             && (into.verdict.verdict != outcome::conflict || read_conflict(into.verdict.stored));
    }
  }

  bool read_failure(std::string& into) {
    if (failures_ >= page_.failure_size())
      return false;
    const auto& why = page_.failure(failures_++);
    into = valid_utf8(std::string_view(why).substr(0, failure_bytes_max));
    return true;
  }

  bool read_posting(posting& into) {
    const auto at = postings_++;
    if (at >= page_.transaction_id_size() || at >= page_.created_at_size() || at >= page_.seq_size()
        || at >= page_.balance_after_size())
      return false;
    last_id_ = plus(last_id_, page_.transaction_id(at));
    last_time_ = plus(last_time_, page_.created_at(at));
    if (last_id_ <= 0 || page_.seq(at) == 0 || page_.seq(at) > int64_max
        || page_.balance_after(at) > int64_max)
      return false;
    into.id = transaction_id{last_id_};
    into.created_at = database_time{last_time_};
    into.seq = static_cast<std::int64_t>(page_.seq(at));
    into.balance_after = money{static_cast<std::int64_t>(page_.balance_after(at))};
    return true;
  }

  bool read_conflict(posting& into) {
    const auto at = conflicts_++;
    if (at >= page_.user_id_size_size() || at >= page_.movement_size() || at >= page_.amount_size()
        || page_.user_id_size(at) > user_ids_.size() || currencies_.size() < currency_bytes)
      return false;
    const auto user = user_ids_.substr(0, page_.user_id_size(at));
    user_ids_.remove_prefix(user.size());
    const auto currency = currency_code::parse(currencies_.substr(0, currency_bytes));
    currencies_.remove_prefix(currency_bytes);
    if (!currency || check_user_id(user) || page_.amount(at) == 0 || page_.amount(at) > int64_max
        || page_.movement(at) > static_cast<std::uint32_t>(movement::withdrawal))
      return false;
    into.account = {std::string(user), *currency};
    into.type = static_cast<movement>(page_.movement(at));
    into.amount = money{static_cast<std::int64_t>(page_.amount(at))};
    return true;
  }

  const wire::link::Page& page_;
  std::string_view user_ids_; // what is left of them
  std::string_view currencies_;
  int postings_ = 0;
  int conflicts_ = 0;
  int failures_ = 0;
  std::int64_t last_id_ = 0;
  std::int64_t last_time_ = 0;
};

void add_place(wire::answers_message& to, std::uint32_t place, std::uint32_t verdict) {
  LEDGERD_ASSERT(to.page != nullptr);
  to.page->add_place(place);
  to.page->add_verdict(verdict);
}

} // namespace

// -- answers_writer

answers_writer::answers_writer() : message_(std::make_unique<wire::answers_message>()) {}
answers_writer::answers_writer(answers_writer&&) noexcept = default;
answers_writer& answers_writer::operator=(answers_writer&&) noexcept = default;
answers_writer::~answers_writer() = default;

void answers_writer::begin(boot_id from, boot_id to) {
  auto& body = message_->body;
  body.Clear();
  body.set_least(link_version_least);
  body.set_written(link_version);
  body.set_from(to_int(from));
  body.set_to(to_int(to));
  message_->page = nullptr;
  bytes_ = head_bytes;
}

void answers_writer::page(std::uint64_t number) {
  message_->page = message_->body.add_page();
  message_->page->set_number(number);
  message_->last_id = 0;
  message_->last_time = 0;
  bytes_ += page_bytes;
}

void answers_writer::decided(std::uint32_t place, const answer& what) {
  auto& to = *message_;
  const auto& stored = what.stored;
  add_place(to, place, code_of(what));
  to.page->add_transaction_id(minus(to_int(stored.id), to.last_id));
  to.page->add_created_at(minus(to_int(stored.created_at), to.last_time));
  to.page->add_seq(static_cast<std::uint64_t>(stored.seq));
  to.page->add_balance_after(static_cast<std::uint64_t>(stored.balance_after.minor_units()));
  to.last_id = to_int(stored.id);
  to.last_time = to_int(stored.created_at);
  bytes_ += answer_bytes;
  if (what.verdict != outcome::conflict)
    return;
  to.page->add_user_id_size(static_cast<std::uint32_t>(stored.account.user_id.size()));
  to.page->mutable_user_ids()->append(stored.account.user_id);
  to.page->mutable_currencies()->append(stored.account.currency.text());
  to.page->add_movement(static_cast<std::uint32_t>(stored.type));
  to.page->add_amount(static_cast<std::uint64_t>(stored.amount.minor_units()));
  bytes_ += conflict_bytes + stored.account.user_id.size();
}

void answers_writer::failed(std::uint32_t place, std::string_view why) {
  add_place(*message_, place, wire::link::OWN_FAILURE);
  const auto text = why.substr(0, failure_bytes_max);
  message_->page->add_failure(text.data(), text.size());
  bytes_ += answer_bytes + text.size();
}

void answers_writer::later(std::uint32_t place) {
  add_place(*message_, place, wire::link::LATER);
  bytes_ += answer_bytes;
}

void answers_writer::returned(std::uint32_t place) {
  add_place(*message_, place, wire::link::RETURNED);
  bytes_ += answer_bytes;
}

void answers_writer::full(std::uint32_t place) {
  add_place(*message_, place, wire::link::FULL);
  bytes_ += answer_bytes;
}

void answers_writer::holding(std::uint64_t number) {
  message_->body.add_holding(number);
  bytes_ += answer_bytes;
}

void answers_writer::refuse(link_refusal why) {
  message_->body.set_refusal(static_cast<std::uint32_t>(why));
}

std::string_view answers_writer::finish() {
  message_->body.SerializeToString(&text_);
  return text_;
}

// -- answers_reader

answers_reader::answers_reader() : message_(std::make_unique<wire::answers_message>()) {}
answers_reader::answers_reader(answers_reader&&) noexcept = default;
answers_reader& answers_reader::operator=(answers_reader&&) noexcept = default;
answers_reader::~answers_reader() = default;

bool answers_reader::read(std::string_view payload, link_answers& into) {
  auto& body = message_->body;
  into.answers.clear();
  into.holding.clear();
  if (payload.size() > link_bytes_max
      || !body.ParseFromArray(payload.data(), static_cast<int>(payload.size())) || body.from() == 0
      || body.least() == 0 || body.least() > link_version
      || body.refusal() > static_cast<std::uint32_t>(link_refusal::stranger))
    return false;
  into.from = boot_id{body.from()};
  into.to = boot_id{body.to()};
  into.refusal = static_cast<link_refusal>(body.refusal());
  into.holding.assign(body.holding().begin(), body.holding().end());
  return std::all_of(body.page().begin(), body.page().end(),
                     [&into](const auto& page) { return page_reader{page}.read(into.answers); });
}

bool complete_answer(const entry& asked, answer& verdict) {
  auto& stored = verdict.stored;
  stored.record = asked.id;
  if (verdict.verdict == outcome::conflict)
    return !same_content(asked, stored);
  stored.account = asked.account;
  stored.type = asked.type;
  stored.amount = asked.amount;
  const bool adds = asked.type == movement::deposit;
  switch (stored.verdict) {
  case outcome::applied:
    return adds ? stored.balance_after >= asked.amount
                : checked_add(stored.balance_after, asked.amount).has_value();
  case outcome::insufficient_funds:
    return !adds && stored.balance_after < asked.amount;
  case outcome::balance_overflow:
    return adds && !checked_add(stored.balance_after, asked.amount);
  default:
    return false;
  }
}

} // namespace ledgerd
