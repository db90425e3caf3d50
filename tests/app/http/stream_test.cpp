// Answers that go on: order, slow readers, ends, and places that they do not take.

#include "app/http/server.hpp"

#include <chrono>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <vector>

#define CAF_SUITE http_stream
#include "tests/app/http/raw_client.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

http_stream::piece piece(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// A server whose route /stream leaves each stream with the test, which holds it weakly.
struct fixture {
  std::mutex mutex;
  std::vector<std::weak_ptr<http_stream>> streams;
  std::unique_ptr<http_server> server;

  fixture() {
    http_limits limits;
    limits.write_time = 300ms;
    limits.idle_time = 2000ms;
    limits.header_time = 10s;
    std::vector<http_route> routes;
    routes.push_back({"GET", "/stream", [this](const http_request&, const http_responder& respond) {
                        auto stream = std::make_shared<http_stream>();
                        {
                          const std::lock_guard lock{mutex};
                          streams.push_back(stream);
                        }
                        respond({200, "text/event-stream", "", {}, std::move(stream)});
                      }});
    routes.push_back({"GET", "/ok", [](const http_request&, const http_responder& respond) {
                        respond({200, "text/plain", "ok", {}});
                      }});
    server = std::make_unique<http_server>("127.0.0.1", 0, std::move(routes), limits);
  }

  // A client whose stream is open, and its head.
  raw_client open(std::string& head) {
    raw_client client{server->port()};
    client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    head = client.read_until([](const auto& text) { return text.ends_with("\r\n\r\n"); });
    return client;
  }

  std::shared_ptr<http_stream> last() {
    const std::lock_guard lock{mutex};
    return streams.back().lock();
  }

  bool expires(std::chrono::milliseconds limit = 5000ms) {
    for (const auto end = std::chrono::steady_clock::now() + limit;
         std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(1ms))
      if (!last())
        return true;
    return false;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(http_stream_tests, fixture)

CAF_TEST(pieces come in order and the end of the stream is that of the connection) {
  std::string head;
  auto client = open(head);
  CAF_CHECK_EQUAL(status_of(head), "HTTP/1.1 200 OK");
  CAF_CHECK(contains(head, "Connection: close"));
  CAF_CHECK(contains(head, "Cache-Control: no-store"));
  CAF_CHECK(!contains(head, "Content-Length"));
  const auto ends_with = [](std::string_view end) {
    return [end](const std::string& text) { return text.ends_with(end); };
  };
  last()->say(piece("one\n"));
  CAF_CHECK_EQUAL(client.read_until(ends_with("one\n")), "one\n");
  last()->say(piece("two\n"));
  CAF_CHECK_EQUAL(client.read_until(ends_with("two\n")), "two\n");
  last()->finish(piece("three\n"));
  CAF_CHECK_EQUAL(client.rest(), "three\n");
  CAF_CHECK(client.closed());
  CAF_CHECK(expires());
}

CAF_TEST(what is said before the head is out is not lost and nothing after the end is said) {
  std::string head;
  auto client = open(head);
  const auto stream = last();
  stream->finish(piece("end\n"));
  stream->say(piece("more\n"));
  stream->finish(piece("end again\n"));
  CAF_CHECK_EQUAL(client.rest(), "end\n");
}

CAF_TEST(a slow reader misses pieces and is dropped when it takes none) {
  std::string head;
  auto client = open(head);
  const auto large = piece(std::string(8 << 20, 'x')); // more than the kernel keeps for it
  for (int i = 0; i < 50; ++i)
    if (const auto stream = last())
      stream->say(large);
  CAF_CHECK_EQUAL(large.use_count() <= 3, true); // what goes out, what comes next, and ours
  CAF_CHECK(expires());                          // the time for one piece is over
}

CAF_TEST(a client that goes is noticed at once) {
  std::string head;
  {
    const auto client = open(head);
    CAF_CHECK(last() != nullptr);
  }
  CAF_CHECK(expires(1500ms)); // sooner than one of which nothing is heard
}

CAF_TEST(a stream of which nothing is heard ends) {
  std::string head;
  auto client = open(head);
  client.rest(10s);
  CAF_CHECK(client.closed());
  CAF_CHECK(expires());
}

CAF_TEST(a head alone has no stream and a later request is not read) {
  raw_client client{server->port()};
  client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.rest(5000ms);
  CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 200 OK");
  CAF_CHECK(answer.ends_with("\r\n\r\n"));
  CAF_CHECK(expires());
  raw_client both{server->port()};
  both.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
  CAF_CHECK(!contains(both.rest(5000ms), "text/plain"));
}

CAF_TEST(streams take no place at work) {
  std::vector<raw_client> readers;
  for (int i = 0; i < 300; ++i) { // of one client, who may have less than half of them at work
    std::string head;
    readers.push_back(open(head));
  }
  raw_client client{server->port()};
  client.send("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
  CAF_CHECK(client.response().ends_with("ok"));
}

CAF_TEST(the server stops while streams are open) {
  std::string head;
  auto client = open(head);
  const auto stream = last();
  server->stop();
  stream->say(piece("too late\n"));
  CAF_CHECK_EQUAL(client.rest(), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
