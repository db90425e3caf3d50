#include <algorithm>
#include <cstdint>
#include <limits>

#include "domain/assert.hpp"
#include "messaging/cluster_codec.hpp"
#include "messaging/codec.hpp"
#include "messaging/link_codec.hpp"
#include "messaging/submission_codec.hpp"
#include "messaging/wire/link.pb.h"

namespace ledgerd {

namespace wire {

class frame_message {
public:
  link::Frame body;
};

} // namespace wire

namespace {

// Of the parts of a frame that are there once, and of an entry beside its user id.
constexpr std::size_t head_bytes = 80;
constexpr std::size_t entry_bytes = 48;

constexpr std::size_t currency_bytes = 3;
constexpr auto int64_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

bool is_user_id(std::string_view text) {
  bool visible = !text.empty() && text.size() <= user_id_bytes_max;
  for (const char c : text)
    visible = visible && c >= 0x20 && c < 0x7f;
  return visible || !check_user_id(text);
}

// Takes a column apart into the texts that stand in it one after the other.
class text_column {
public:
  explicit text_column(std::string_view all) : left_(all) {}

  // Nothing when there is not so much left.
  std::optional<std::string_view> take(std::size_t size) {
    if (size > left_.size())
      return std::nullopt;
    const auto result = left_.substr(0, size);
    left_.remove_prefix(size);
    return result;
  }

  bool empty() const { return left_.empty(); }

private:
  std::string_view left_;
};

bool columns_agree(const wire::link::Frame& body) {
  const auto count = body.record_id_size();
  return static_cast<std::size_t>(count) <= frame_entries_max && body.user_id_size_size() == count
         && body.movement_size() == count && body.amount_size() == count
         && body.stream_seq_size() == count
         && body.currencies().size() == currency_bytes * static_cast<std::size_t>(count)
         && (body.place_size() == 0 || body.place_size() == count)
         && (body.message_bytes_size() == 0 || body.message_bytes_size() == count);
}

bool read_entry(const wire::link::Frame& body, int at, text_column& users, text_column& currencies,
                framed_entry& into) {
  const auto id = body.record_id(at);
  const auto amount = body.amount(at);
  const auto type = body.movement(at);
  const auto user = users.take(body.user_id_size(at));
  const auto currency = currency_code::parse(*currencies.take(currency_bytes));
  const auto known = static_cast<std::uint32_t>(movement::withdrawal);
  const auto bytes = body.message_bytes_size() == 0 ? 0 : body.message_bytes(at);
  if (id == 0 || id > int64_max || amount == 0 || amount > int64_max || type > known || !user
      || !is_user_id(*user) || !currency || bytes > framed_bytes_max)
    return false;
  into.stream_seq = body.stream_seq(at);
  into.bytes = bytes;
  into.asked.id = record_id{static_cast<std::int64_t>(id)};
  into.asked.account.user_id = *user;
  into.asked.account.currency = *currency;
  into.asked.type = static_cast<movement>(type);
  into.asked.amount = money{static_cast<std::int64_t>(amount)};
  return true;
}

bool read_entries(const wire::link::Frame& body, std::vector<framed_entry>& into) {
  if (!columns_agree(body))
    return false;
  text_column users{body.user_ids()};
  text_column currencies{body.currencies()};
  into.resize(static_cast<std::size_t>(body.record_id_size()));
  for (int at = 0; at < body.record_id_size(); ++at) {
    auto& one = into[static_cast<std::size_t>(at)];
    one.place = body.place_size() == 0 ? static_cast<std::uint32_t>(at) : body.place(at);
    const bool rises = at == 0 || one.place > into[static_cast<std::size_t>(at) - 1].place;
    if (!rises || one.place >= frame_entries_max || !read_entry(body, at, users, currencies, one))
      return false;
  }
  return users.empty();
}

} // namespace

std::string_view to_text(link_refusal why) noexcept {
  switch (why) {
  case link_refusal::none:
    return "is all right";
  case link_refusal::damaged:
    return "is damaged";
  case link_refusal::version:
    return "needs a later version";
  case link_refusal::stranger:
    return "is for another node";
  }
  return {};
}

// -- frame_writer

frame_writer::frame_writer() : message_(std::make_unique<wire::frame_message>()) {}
frame_writer::frame_writer(frame_writer&&) noexcept = default;
frame_writer& frame_writer::operator=(frame_writer&&) noexcept = default;
frame_writer::~frame_writer() = default;

void frame_writer::begin(boot_id from, boot_id to, std::uint64_t number) {
  auto& body = message_->body;
  body.Clear();
  body.set_least(link_version_least);
  body.set_written(link_version);
  body.set_from(to_int(from));
  body.set_to(to_int(to));
  body.set_number(number);
  bytes_ = head_bytes;
  count_ = 0;
}

void frame_writer::add(std::uint32_t place, const entry& asked, std::uint64_t stream_seq,
                       std::uint32_t message_bytes) {
  auto& body = message_->body;
  body.add_record_id(static_cast<std::uint64_t>(to_int(asked.id)));
  body.add_user_id_size(static_cast<std::uint32_t>(asked.account.user_id.size()));
  body.mutable_user_ids()->append(asked.account.user_id);
  body.mutable_currencies()->append(asked.account.currency.text());
  body.add_movement(static_cast<std::uint32_t>(asked.type));
  body.add_amount(static_cast<std::uint64_t>(asked.amount.minor_units()));
  body.add_stream_seq(stream_seq);
  body.add_place(place);
  body.add_message_bytes(std::min(message_bytes, framed_bytes_max));
  bytes_ += bytes_of(asked);
  ++count_;
}

std::size_t frame_writer::bytes_of(const entry& asked) noexcept {
  return entry_bytes + asked.account.user_id.size();
}

std::string_view frame_writer::finish() {
  auto& body = message_->body;
  // Places rise, so the last tells whether some are left out.
  if (count_ > 0 && body.place(static_cast<int>(count_) - 1) == count_ - 1)
    body.clear_place();
  body.SerializeToString(&text_);
  return text_;
}

// -- frame_reader

frame_reader::frame_reader() : message_(std::make_unique<wire::frame_message>()) {}
frame_reader::frame_reader(frame_reader&&) noexcept = default;
frame_reader& frame_reader::operator=(frame_reader&&) noexcept = default;
frame_reader::~frame_reader() = default;

link_refusal frame_reader::read(std::string_view payload, boot_id self, link_frame& into) {
  auto& body = message_->body;
  into.from = {};
  into.to = {};
  into.number = 0;
  into.entries.clear();
  if (payload.size() > link_bytes_max
      || !body.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
    return link_refusal::damaged;
  into.from = boot_id{body.from()};
  into.number = body.number();
  if (body.from() == 0 || body.number() == 0 || body.least() == 0)
    return link_refusal::damaged;
  if (body.least() > link_version)
    return link_refusal::version;
  into.to = boot_id{body.to()};
  if (into.to != self)
    return link_refusal::stranger;
  if (read_entries(body, into.entries))
    return link_refusal::none;
  into.entries.clear();
  return link_refusal::damaged;
}

} // namespace ledgerd
