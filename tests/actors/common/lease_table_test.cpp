#define CAF_SUITE lease_table

#include "actors/common/lease_table.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/actors/fakes.hpp"

#include <caf/test/dsl.hpp>

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

const progress_time start{1000s};

struct note {
  int attempts = 0;
};

struct lease_table_fixture {
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  lease_table<note> table{source, {3, 1000}, 6000ms};

  ticket hold(std::uint64_t seq, std::size_t bytes = 100, std::chrono::milliseconds at = 0ms) {
    auto arrived = make_delivery("", "", seq);
    arrived.payload.assign(bytes - arrived.receipt.size(), 'x');
    return table.hold(std::move(arrived), start + at).tag();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(lease_table_tests, lease_table_fixture)

CAF_TEST(room shrinks with what is held by number and by bytes) {
  struct row {
    const char* what;
    std::vector<std::size_t> sizes;
    capacity room;
  };
  const row rows[] = {
      {"nothing is held", {}, {3, 1000}},
      {"one", {100}, {2, 900}},
      {"as many as may be", {100, 100, 100}, {0, 0}},
      {"more than may be", {100, 100, 100, 100}, {0, 0}},
      {"one byte is left", {500, 499}, {1, 1}},
      {"no byte is left", {500, 500}, {0, 0}},
      {"one that is larger than all the room", {5000}, {0, 0}},
  };
  for (const auto& [what, sizes, room] : rows) {
    CAF_MESSAGE(what);
    table = {source, {3, 1000}, 6000ms};
    std::vector<ticket> tags;
    for (const auto bytes : sizes)
      tags.push_back(hold(tags.size(), bytes));
    CAF_CHECK_EQUAL(table.size(), sizes.size());
    CAF_CHECK_EQUAL(table.room().messages, room.messages);
    CAF_CHECK_EQUAL(table.room().bytes, room.bytes);
    for (const auto tag : tags) {
      table.at(tag).source.payload.clear(); // taken out of it meanwhile
      table.settle(table.at(tag), settlement::acknowledge);
    }
    CAF_CHECK_EQUAL(table.size(), 0u);
    CAF_CHECK_EQUAL(table.bytes(), 0u);
  }
}

CAF_TEST(a place is used again under another ticket and with nothing noted) {
  const auto first = hold(1);
  const auto second = hold(2);
  auto& other = table.at(second);
  table.at(first).attempts = 7;
  table.settle(table.at(first), settlement::terminate);
  for (std::uint64_t seq = 3; seq < 100; ++seq) {
    const auto tag = hold(seq);
    CAF_CHECK_NOT_EQUAL(tag, first);
    CAF_CHECK_EQUAL(table.at(tag).attempts, 0);
    CAF_CHECK_EQUAL(table.at(tag).source.stream_seq, seq);
    CAF_CHECK_EQUAL(table.at(tag).tag(), tag);
    if (seq % 2 == 0)
      table.settle(table.at(tag), settlement::let_go);
  }
  // What is held stays where it is, however many come.
  CAF_CHECK_EQUAL(&other, &table.at(second));
  CAF_CHECK_EQUAL(other.source.stream_seq, 2u);
}

CAF_TEST(the places of a flood are given back when it is over) {
  constexpr std::size_t flood = 5000;
  std::vector<ticket> tags;
  for (std::uint64_t seq = 1; seq <= flood; ++seq)
    tags.push_back(hold(seq));
  auto& kept = table.at(tags[100]);
  table.trim(start); // from now on what is held counts
  for (std::size_t i = 0; i < flood; ++i)
    if (i != 100 && i != 3000)
      table.settle(table.at(tags[i]), settlement::acknowledge);
  table.trim(start + 9s);
  CAF_CHECK_EQUAL(table.places(), flood);
  table.trim(start + 10s);
  CAF_CHECK_EQUAL(table.places(), flood); // as many have just been held
  table.trim(start + 20s);
  CAF_CHECK_EQUAL(table.places(), 3001u); // the last is held, and stays where it is
  CAF_CHECK_EQUAL(table.at(tags[3000]).source.stream_seq, 3001u);
  // The first places are taken first, so that the others need not stay.
  const auto later = hold(flood + 1);
  CAF_CHECK(table.at(later).place < 256);
  table.settle(table.at(tags[3000]), settlement::acknowledge);
  table.trim(start + 30s);
  CAF_CHECK_EQUAL(table.places(), 256u);
  CAF_CHECK_EQUAL(&kept, &table.at(tags[100]));
  CAF_CHECK_EQUAL(table.size(), 2u);
  // A place that is made anew is none of those that were there.
  for (std::uint64_t seq = 1; seq <= flood; ++seq)
    CAF_CHECK(std::find(tags.begin(), tags.end(), hold(seq)) == tags.end());
}

CAF_TEST(the places of a great flood are given back by and by) {
  std::vector<ticket> tags;
  for (std::uint64_t seq = 1; seq <= 40000; ++seq)
    tags.push_back(hold(seq));
  for (const auto tag : tags)
    table.settle(table.at(tag), settlement::acknowledge);
  std::vector<std::size_t> left;
  for (auto at = 0s; at <= 40s; at += 10s) {
    table.trim(start + at);
    left.push_back(table.places());
  }
  CAF_CHECK_EQUAL(left, (std::vector<std::size_t>{40000, 23616, 7232, 256, 256}));
}

CAF_TEST(what is settled leaves no memory behind) {
  auto& one = table.at(hold(1, 900));
  table.settle(one, settlement::acknowledge);
  CAF_CHECK(one.source.payload.capacity() < 100);
}

CAF_TEST(the source hears how each has ended) {
  const auto first = hold(1);
  const auto second = hold(2);
  table.settle(table.at(first), settlement::postpone);
  table.settle(table.at(second), settlement::let_go);
  CAF_REQUIRE_EQUAL(source->settled.size(), 2u);
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::postpone), 1u);
  CAF_CHECK_EQUAL(source->count("receipt.2", settlement::let_go), 1u);
}

CAF_TEST(leases are renewed after a third of the wait while they are young or the node moves) {
  hold(1);
  table.settle(table.at(hold(2)), settlement::let_go);
  const auto renewed = [this](std::chrono::milliseconds at) {
    source->settled.clear();
    table.renew(start + at);
    CAF_CHECK_EQUAL(source->count("receipt.2", settlement::progress), 0u);
    return source->count("receipt.1", settlement::progress);
  };
  CAF_CHECK_EQUAL(renewed(1999ms), 0u);
  CAF_CHECK_EQUAL(renewed(2000ms), 1u);
  CAF_CHECK_EQUAL(renewed(2001ms), 0u); // young, and renewed just now
  CAF_CHECK_EQUAL(renewed(3999ms), 0u);
  CAF_CHECK_EQUAL(renewed(4s), 0u); // no longer young, and the root has said nothing
  table.pulse(true, start + 4s);
  CAF_CHECK_EQUAL(renewed(4s), 1u);
  table.pulse(false, start + 6s);
  CAF_CHECK_EQUAL(renewed(6s), 0u);
  CAF_CHECK_EQUAL(table.room().messages, 0u);
}

CAF_TEST(a node that stood still is trusted again when it has moved for long) {
  hold(1);
  table.pulse(false, start + 4s);
  const auto renewed = [this](std::chrono::milliseconds at) {
    source->settled.clear();
    table.pulse(true, start + at);
    table.renew(start + at);
    return source->count("receipt.1", settlement::progress);
  };
  for (auto at = 5000ms; at < 14s; at += 500ms) {
    CAF_CHECK_EQUAL(renewed(at), 0u);
    CAF_CHECK_EQUAL(table.room().messages, 0u);
  }
  CAF_CHECK_EQUAL(renewed(14s), 1u);
  CAF_CHECK_EQUAL(table.room().messages, 2u);
}

CAF_TEST(what is handed back stays held for the answers that are still to come) {
  const auto first = hold(1);
  table.settle(table.at(hold(2)), settlement::let_go);
  hold(3);
  CAF_CHECK_EQUAL(table.hand_back_all(), 2u);
  CAF_CHECK_EQUAL(source->count("receipt.1", settlement::hand_back), 1u);
  CAF_CHECK_EQUAL(source->count("receipt.2", settlement::hand_back), 0u);
  CAF_CHECK_EQUAL(source->count("receipt.3", settlement::hand_back), 1u);
  CAF_CHECK_EQUAL(table.at(first).source.stream_seq, 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
