// The frames between nodes and their answers.
#include <string>
#include <vector>

#include "messaging/link_codec.hpp"
#include "messaging/submission_codec.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace ledgerd;

constexpr boot_id owner{0x2222};

entry make_entry(std::int64_t id, std::string user, movement type) {
  return {record_id{id}, {std::move(user), *currency_code::parse("KRW")}, type, money{id * 3}};
}

const std::vector<entry>& samples() {
  static const std::vector<entry> result{make_entry(1, "ann", movement::deposit),
                                         make_entry(70000, "Zo\xc3\xab", movement::withdrawal),
                                         make_entry(3, std::string(128, 'u'), movement::deposit)};
  return result;
}

bool same_entry(const entry& a, const entry& b) {
  return a.id == b.id && a.account == b.account && a.type == b.type && a.amount == b.amount;
}

// What is accepted keeps the rules, and means the same when we say it.
void try_frame(const std::string& payload) {
  static frame_reader reader;
  static frame_writer writer;
  link_frame got;
  if (reader.read(payload, owner, got) != link_refusal::none) {
    demand(got.entries.empty(), "entries of a refused frame");
    return;
  }
  demand(got.number != 0 && got.from != boot_id{} && got.to == owner, "a frame of nobody");
  writer.begin(got.from, got.to, got.number);
  for (const auto& each : got.entries) {
    const auto& asked = each.asked;
    demand(to_int(asked.id) > 0 && asked.amount > money{0} && !check_user_id(asked.account.user_id)
               && each.place < frame_entries_max && each.bytes <= framed_bytes_max,
           "an entry that breaks a rule");
    writer.add(each.place, asked, each.stream_seq, each.bytes);
  }
  const auto promised = writer.bytes();
  const std::string text{writer.finish()};
  demand(text.size() <= promised, "a frame is larger than it said");
  link_frame again;
  demand(reader.read(text, owner, again) == link_refusal::none && again.number == got.number
             && again.from == got.from && again.entries.size() == got.entries.size(),
         "a frame is not read again");
  for (std::size_t i = 0; i < got.entries.size(); ++i)
    demand(again.entries[i].place == got.entries[i].place
               && again.entries[i].stream_seq == got.entries[i].stream_seq
               && again.entries[i].bytes == got.entries[i].bytes
               && same_entry(again.entries[i].asked, got.entries[i].asked),
           "a frame means something else");
}

// An answer that is believed is one to what was asked.
void try_completion(const link_answer& got) {
  for (const auto& asked : samples()) {
    auto verdict = got.verdict;
    if (!complete_answer(asked, verdict))
      continue;
    const auto& stored = verdict.stored;
    demand(stored.record == asked.id && stored.balance_after >= money{0},
           "an answer to something else");
    demand(same_content(asked, stored) == (verdict.verdict != outcome::conflict),
           "a conflict without a difference, or the other way round");
  }
}

void write_answer(answers_writer& writer, const link_answer& one) {
  switch (one.fate) {
  case link_fate::decided:
    return writer.decided(one.place, one.verdict);
  case link_fate::failed:
    return writer.failed(one.place, one.failure);
  case link_fate::later:
    return writer.later(one.place);
  case link_fate::returned:
    return writer.returned(one.place);
  case link_fate::full:
    return writer.full(one.place);
  }
}

void try_answers(const std::string& payload) {
  static answers_reader reader;
  static answers_writer writer;
  link_answers got;
  if (!reader.read(payload, got))
    return;
  writer.begin(got.from, got.to);
  writer.refuse(got.refusal);
  std::uint64_t number = 0;
  for (const auto& each : got.answers) {
    demand(each.number != 0 && each.place < frame_entries_max, "an answer to nothing");
    if (each.fate == link_fate::decided)
      try_completion(each);
    if (each.number != number)
      writer.page(number = each.number);
    write_answer(writer, each);
  }
  for (const auto each : got.holding)
    writer.holding(each);
  const auto promised = writer.bytes();
  const std::string text{writer.finish()};
  demand(text.size() <= promised, "answers are larger than they said");
  link_answers again;
  demand(reader.read(text, again) && again.from == got.from && again.to == got.to
             && again.refusal == got.refusal && again.holding == got.holding
             && again.answers.size() == got.answers.size(),
         "answers are not read again");
  for (std::size_t i = 0; i < got.answers.size(); ++i)
    demand(again.answers[i].place == got.answers[i].place
               && again.answers[i].fate == got.answers[i].fate
               && again.answers[i].failure == got.answers[i].failure
               && again.answers[i].verdict.verdict == got.answers[i].verdict.verdict
               && again.answers[i].verdict.stored == got.answers[i].verdict.stored,
           "answers mean something else");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload(data, data + size);
  try_frame(payload);
  try_answers(payload);
  return 0;
}
