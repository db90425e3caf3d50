#include "messaging/nats/recovery_book.hpp"

#define CAF_SUITE broker_recovery_book
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

stream_state made(std::int64_t when) {
  return {.exists = true, .created_at_ns = when};
}

consumer_state at(std::uint64_t floor, std::uint64_t delivered, std::int64_t created = 1) {
  return {.exists = true,
          .ack_floor = floor,
          .delivered = delivered,
          .max_deliver = 3,
          .created_at_ns = created};
}

consumer_state unlimited_at(std::uint64_t floor, std::uint64_t delivered) {
  auto result = at(floor, delivered);
  result.max_deliver = 0;
  return result;
}

stream_state led_by(const std::string& server, std::int64_t since = 0) {
  auto result = made(20);
  result.leader = server;
  result.led_since_ns = since;
  return result;
}

struct fixture {
  recovery_book book;

  // A source that has been at work for a while.
  fixture() {
    book.observe(made(10), made(20));
    book.observe(at(0, 50));
    book.read_to(7);
    book.swept_to(30);
    book.announced(40);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(recovery_book_tests, fixture)

CAF_TEST(the same streams change nothing) {
  CAF_CHECK(!book.observe(made(10), made(20)));
  CAF_CHECK_EQUAL(book.read(), 7u);
  CAF_CHECK_EQUAL(book.swept(), 30u);
  CAF_CHECK(book.is_announced(40));
}

CAF_TEST(the floor is believed where announcements are kept) {
  book.observe(at(45, 50));
  CAF_CHECK_EQUAL(book.swept(), 45u);
  CAF_CHECK(!book.is_announced(40));
  book.observe(at(44, 50));
  CAF_CHECK_EQUAL(book.swept(), 45u);
}

CAF_TEST(requests made anew are swept from the beginning) {
  CAF_CHECK(book.observe(made(11), made(20)));
  CAF_CHECK_EQUAL(book.swept(), 0u);
  CAF_CHECK_EQUAL(book.read(), 7u);
  CAF_CHECK(!book.is_announced(40));
}

CAF_TEST(announcements made anew are read from the beginning and the floor is not believed) {
  CAF_CHECK(book.observe(made(10), made(21)));
  CAF_CHECK_EQUAL(book.read(), 0u);
  CAF_CHECK_EQUAL(book.swept(), 30u);
  book.observe(at(60, 60));
  CAF_CHECK_EQUAL(book.swept(), 30u);
  book.swept_to(59);
  book.observe(at(80, 80));
  CAF_CHECK_EQUAL(book.swept(), 59u);
  book.swept_to(60); // all that was given up without an announcement is behind
  book.observe(at(80, 80));
  CAF_CHECK_EQUAL(book.swept(), 80u);
}

CAF_TEST(both made anew) {
  CAF_CHECK(book.observe(made(11), made(21)));
  CAF_CHECK_EQUAL(book.read(), 0u);
  book.observe(at(5, 5, 2));
  CAF_CHECK_EQUAL(book.swept(), 0u);
  book.swept_to(5);
  book.observe(at(9, 9, 2));
  CAF_CHECK_EQUAL(book.swept(), 9u);
}

CAF_TEST(while the announcements are missing the floor proves nothing) {
  CAF_CHECK(book.observe(made(10), stream_state{}));
  for (const auto delivered : {60u, 70u}) {
    book.observe(at(delivered, delivered));
    CAF_CHECK_EQUAL(book.swept(), 30u);
    CAF_CHECK(!book.observe(made(10), stream_state{}));
  }
  CAF_CHECK(book.observe(made(10), made(21)));
  book.observe(at(80, 80));
  CAF_CHECK_EQUAL(book.swept(), 30u);
}

CAF_TEST(while the announcements are silent the floor proves nothing either) {
  CAF_CHECK(!book.observe(made(10), std::nullopt));
  book.observe(at(45, 50));
  CAF_CHECK_EQUAL(book.swept(), 30u);
  CAF_CHECK(!book.observe(made(10), made(20)));
  book.observe(at(60, 60));
  CAF_CHECK_EQUAL(book.swept(), 30u);
  book.swept_to(60);
  book.observe(at(80, 80));
  CAF_CHECK_EQUAL(book.swept(), 80u);
}

CAF_TEST(silent announcements are remembered when the requests are silent too) {
  book.announcements_unheard(); // and nothing is observed
  CAF_CHECK(!book.observe(made(10), made(20)));
  book.observe(at(45, 50));
  CAF_CHECK_EQUAL(book.swept(), 30u);
}

CAF_TEST(requests made anew while the announcements are silent are swept from their beginning) {
  CAF_CHECK(book.observe(made(11), std::nullopt));
  CAF_CHECK_EQUAL(book.swept(), 0u);
  book.observe(at(4, 5));
  CAF_CHECK_EQUAL(book.swept(), 0u);
  CAF_CHECK(book.observe(made(12), made(20))); // once more, as they are heard again
  book.observe(at(4, 5));
  CAF_CHECK_EQUAL(book.swept(), 0u);
}

CAF_TEST(what was given up while another server came to lead the announcements is swept for) {
  book.observe(made(10), led_by("n1"));
  book.observe(at(40, 50));
  book.observe(made(10), led_by("n1"));
  book.observe(at(45, 50)); // n1 may have been gone by then
  CAF_CHECK_EQUAL(book.swept(), 45u);
  CAF_CHECK(!book.observe(made(10), led_by("n2"))); // no reason to ask an unlimited consumer
  book.observe(at(60, 60));
  CAF_CHECK_EQUAL(book.swept(), 40u);
  book.swept_to(60);
  book.observe(made(10), led_by("n2"));
  book.observe(at(80, 80));
  CAF_CHECK_EQUAL(book.swept(), 80u);
}

CAF_TEST(a leader that gives no name hides no change) {
  book.observe(made(10), led_by("n1"));
  book.observe(at(40, 50));
  book.observe(made(10), led_by(""));
  book.observe(made(10), led_by("n2"));
  book.observe(at(60, 60));
  CAF_CHECK_EQUAL(book.swept(), 30u);
}

CAF_TEST(a server that came to lead once more is another leader) {
  book.observe(made(10), led_by("n1", 5));
  book.observe(at(40, 50));
  book.observe(made(10), led_by("n1", 6));
  book.observe(at(60, 60));
  CAF_CHECK_EQUAL(book.swept(), 30u);
}

CAF_TEST(what was swept since is not swept again while the announcements stay silent) {
  book.observe(made(10), std::nullopt);
  book.observe(at(45, 50));
  book.swept_to(50);
  book.observe(made(10), std::nullopt);
  book.observe(at(45, 60));
  CAF_CHECK_EQUAL(book.swept(), 50u);
}

CAF_TEST(a consumer without a limit has given nothing up) {
  book.observe(unlimited_at(50, 50));
  book.observe(made(10), std::nullopt);
  book.observe(made(10), made(20));
  book.observe(unlimited_at(60, 70));
  CAF_CHECK_EQUAL(book.swept(), 60u);
  book.observe(made(10), made(20));
  book.observe(at(80, 90)); // it has got one since
  CAF_CHECK_EQUAL(book.swept(), 80u);
}

CAF_TEST(where announcements were never kept the floor is all there is) {
  recovery_book other;
  other.observe(made(10), stream_state{});
  other.observe(at(45, 50));
  CAF_CHECK_EQUAL(other.swept(), 45u);
}

CAF_TEST(a consumer made anew is swept from its beginning) {
  book.observe(at(3, 50, 2));
  CAF_CHECK_EQUAL(book.swept(), 3u);
}

CAF_TEST(what the consumer before it gave up unannounced is not swept for the one made anew) {
  book.observe(made(10), std::nullopt);
  book.observe(at(45, 50));
  book.observe(made(10), made(20));
  book.observe(at(60, 70));
  book.observe(made(10), made(20));
  book.observe(at(65, 65, 2)); // it begins at 66
  CAF_CHECK_EQUAL(book.swept(), 65u);
}

CAF_TEST(
    what a consumer made anew in a gap may have given up is swept from where the last one stood) {
  book.observe(made(10), std::nullopt);
  book.observe(made(10), made(20));
  book.observe(at(65, 65, 2)); // it begins at 66, or has given up what lies below
  CAF_CHECK_EQUAL(book.swept(), 30u);
  book.observe(made(10), made(20));
  book.swept_to(65);
  book.observe(at(70, 70, 2));
  CAF_CHECK_EQUAL(book.swept(), 70u);
}

CAF_TEST(a new leader right after the start does not make the whole stream be swept) {
  recovery_book other;
  other.observe(made(10), led_by("n1"));
  other.observe(at(1000, 1000));
  other.observe(made(10), led_by("n2"));
  other.observe(at(1100, 1100));
  CAF_CHECK_EQUAL(other.swept(), 1000u);
  CAF_CHECK(other.has_gap());
}

CAF_TEST(silence at the start does not make the whole stream be swept) {
  recovery_book other;
  other.observe(made(10), std::nullopt);
  other.observe(at(1000, 1000));
  CAF_CHECK_EQUAL(other.swept(), 1000u);
  other.observe(made(10), std::nullopt);
  other.observe(at(1100, 1100));
  CAF_CHECK_EQUAL(other.swept(), 1000u);
}

CAF_TEST(requests made anew as another server came to lead are swept from their beginning) {
  book.observe(made(10), led_by("n1"));
  book.observe(at(45, 50));
  book.observe(made(11), led_by("n2"));
  book.observe(at(5, 60, 2));
  CAF_CHECK_EQUAL(book.swept(), 0u);
  CAF_CHECK(book.has_gap());
}

CAF_TEST(what a server says of a consumer that it does not lead ends no gap) {
  book.observe(made(10), led_by("n1"));
  book.observe(at(40, 60));
  book.observe(made(10), led_by("n2"));
  book.observe(at(0, 0));
  book.observe(made(10), led_by("n2"));
  book.observe(at(80, 80));
  CAF_CHECK_EQUAL(book.swept(), 30u);
  CAF_CHECK(book.has_gap());
}

CAF_TEST(what was given up before the limit was taken away is swept for) {
  book.observe(made(10), std::nullopt);
  book.observe(made(10), made(20));
  book.observe(unlimited_at(60, 60));
  CAF_CHECK_EQUAL(book.swept(), 30u);
  CAF_CHECK(book.has_gap());
  book.observe(made(10), made(20));
  book.observe(unlimited_at(90, 90));
  CAF_CHECK_EQUAL(book.swept(), 30u);
  book.swept_to(60);
  CAF_CHECK(!book.has_gap());
  book.observe(unlimited_at(90, 90));
  CAF_CHECK_EQUAL(book.swept(), 90u);
}

CAF_TEST_FIXTURE_SCOPE_END()
