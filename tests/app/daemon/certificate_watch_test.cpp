// Certificates and tokens that change, and end, while a daemon runs.

#include "app/daemon/certificate_watch.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "actors/common/log.hpp"
#include "app/http/socket.hpp"
#include "tests/support/certificates.hpp"

#define CAF_SUITE certificate_watch
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::sys_seconds;
using word = certificate_words::word;
namespace fs = std::filesystem;

namespace {

const certificates& papers() {
  static const certificates instance;
  return instance;
}

const std::string old_token(32, 'o'), new_token(32, 'n');

// Believes in whoever answers: the name in its certificate; empty when there is none.
std::string name_shown(std::uint16_t port) {
  asio::io_context io;
  asio::ssl::context context{asio::ssl::context::tls_client};
  asio::ssl::stream<asio::ip::tcp::socket> stream{io, context};
  asio::error_code error;
  stream.lowest_layer().connect({asio::ip::address_v4::loopback(), port}, error);
  stream.handshake(asio::ssl::stream_base::client, error);
  auto* shown = SSL_get1_peer_certificate(stream.native_handle());
  if (shown == nullptr)
    return {};
  char name[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof name);
  X509_free(shown);
  return name;
}

// What the log says of changes.
class kept_lines {
public:
  kept_lines() {
    on_change([this](const log_change& line) {
      const std::lock_guard lock{mutex_};
      lines_.push_back(line);
    });
  }
  ~kept_lines() { on_change({}); }

  std::size_t count(log_event event, const std::string& part = {}) const {
    const std::lock_guard lock{mutex_};
    std::size_t found = 0;
    for (const auto& each : lines_)
      found += each.event == event && each.sentence.find(part) != std::string::npos ? 1 : 0;
    return found;
  }

private:
  mutable std::mutex mutex_;
  std::vector<log_change> lines_;
};

bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!holds() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(5ms);
  return holds();
}

// A server whose files lie behind a link, as Kubernetes mounts a secret: served/data leads to one
// of several folders. All have certificates for a day.
struct fixture {
  const fs::path served = fs::path{papers().directory()} / "served";
  kept_lines lines;
  config settings;
  std::shared_ptr<certificate_board> board = std::make_shared<certificate_board>();
  std::unique_ptr<http_files> files;
  std::unique_ptr<http_server> server;

  fixture() {
    fs::remove_all(served);
    fs::create_directory(served);
    for (const std::string name : {"first", "second"}) {
      papers().make(name, "DNS:localhost", 1);
      fs::create_directory(served / name);
      fs::copy(papers().certificate(name), served / name / "tls.crt");
      fs::copy(papers().key(name), served / name / "tls.key");
    }
    lead_to("first");
    write_token(old_token);
    settings.http_listen = listen_address{"127.0.0.1", 0};
    settings.http_tls_cert_file = served / "data" / "tls.crt";
    settings.http_tls_key_file = served / "data" / "tls.key";
    settings.http_token_file = served / "tokens";
    files = std::make_unique<http_files>(settings);
    server = std::make_unique<http_server>("127.0.0.1", std::uint16_t{0}, std::vector<http_route>{},
                                           http_limits{}, files->certificate());
    files->shown_by(server.get());
  }

  ~fixture() { files->shown_by(nullptr); }

  void lead_to(const std::string& folder) const {
    fs::create_symlink(folder, served / "next");
    fs::rename(served / "next", served / "data");
  }

  // At once.
  void replace(const std::string& from, const fs::path& to) const {
    fs::copy(from, served / "next");
    fs::rename(served / "next", to);
  }

  void write_token(const std::string& token, std::optional<fs::file_time_type> at = {}) const {
    std::ofstream{served / "next"} << "ops operate " << token << "\n";
    fs::permissions(served / "next", fs::perms{0600});
    if (at)
      fs::last_write_time(served / "next", *at);
    fs::rename(served / "next", served / "tokens");
  }

  bool lets_in(const std::string& token) const {
    http_request request;
    request.headers = {{"authorization", "Bearer " + token}};
    std::optional<bearer_token> caller;
    return !files->guard()->refuse(request, access_scope::operate, caller);
  }

  std::unique_ptr<certificate_watch> watch() {
    return std::make_unique<certificate_watch>(settings, *files, board, 20ms);
  }
};

used_certificate ending(const std::string& name, sys_seconds today, std::chrono::seconds left) {
  return {name, "/x.crt", certificate_validity{today - days{100}, today + left}};
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(certificate_watch_tests, fixture)

CAF_TEST(a certificate that was replaced behind a link is shown without a signal) {
  const auto watching = watch();
  CAF_CHECK(eventually([&] { return !board->metrics().empty(); }));
  CAF_CHECK_EQUAL(name_shown(server->port()), "first");
  CAF_CHECK_EQUAL(lines.count(log_event::config_reloaded), 0u);
  lead_to("second");
  CAF_CHECK(eventually([&] { return name_shown(server->port()) == "second"; }));
  CAF_CHECK(eventually(
      [&] { return lines.count(log_event::config_reloaded, "reloaded: certificate") == 1; }));
  CAF_CHECK_EQUAL(lines.count(log_event::reload_failed), 0u);
}

CAF_TEST(a pair that is half replaced leaves the old one until its key is there) {
  const auto watching = watch();
  replace(papers().certificate("second"), served / "first" / "tls.crt");
  CAF_CHECK(eventually([&] { return lines.count(log_event::reload_failed) > 0; }));
  std::this_thread::sleep_for(200ms); // ten more looks, which fail likewise
  CAF_CHECK_EQUAL(lines.count(log_event::reload_failed, "the certificate stays as it was"), 1u);
  CAF_CHECK_EQUAL(name_shown(server->port()), "first");
  fs::remove(served / "first" / "tls.key");
  std::this_thread::sleep_for(60ms); // what is not there is no other key
  CAF_CHECK_EQUAL(lines.count(log_event::reload_failed), 1u);
  replace(papers().key("second"), served / "first" / "tls.key");
  CAF_CHECK(eventually([&] { return name_shown(server->port()) == "second"; }));
}

CAF_TEST(what was faulty is tried again though its file is the same) {
  const auto watching = watch();
  fs::permissions(served / "second" / "tls.key", fs::perms{0644});
  lead_to("second");
  CAF_CHECK(eventually([&] { return lines.count(log_event::reload_failed, "others than") > 0; }));
  fs::permissions(served / "second" / "tls.key", fs::perms{0600});
  CAF_CHECK(eventually([&] { return name_shown(server->port()) == "second"; }));
}

CAF_TEST(tokens that were replaced count without a signal) {
  const auto watching = watch();
  CAF_CHECK(lets_in(old_token) && !lets_in(new_token));
  write_token("short");
  CAF_CHECK(eventually(
      [&] { return lines.count(log_event::reload_failed, "the tokens stay as they were") == 1; }));
  CAF_CHECK(lets_in(old_token));
  write_token(new_token);
  CAF_CHECK(eventually([&] { return lets_in(new_token); }));
  CAF_CHECK(!lets_in(old_token));
}

CAF_TEST(what is replaced while it is read is not called faulty) {
  std::atomic<bool> ended{false};
  std::thread looking{[&] {
    while (!ended)
      files->look();
  }};
  const auto start = fs::last_write_time(served / "tokens");
  for (int round = 1; round <= 600; ++round) {
    fs::remove(served / "tokens");
    write_token(round % 2 == 0 ? old_token : new_token, start + std::chrono::seconds{round});
  }
  CAF_CHECK(eventually([&] { return lets_in(old_token); }));
  ended = true;
  looking.join();
  CAF_CHECK_EQUAL(lines.count(log_event::reload_failed), 0u);
}

CAF_TEST(a signal reads all of them again and names what was taken) {
  using names = std::vector<std::string>;
  lead_to("second");
  CAF_CHECK(files->reload() == (names{"tokens", "certificate"}));
  CAF_CHECK(eventually([&] { return name_shown(server->port()) == "second"; }));
  write_token("short");
  CAF_CHECK(files->reload() == (names{"certificate"}));
  CAF_CHECK(files->reload() == (names{"certificate"}));
  CAF_CHECK_EQUAL(lines.count(log_event::reload_failed), 2u);
}

CAF_TEST(a certificate that ends soon is a metric and one line) {
  settings.nats_ca_file = served / "ca.crt";
  std::ofstream{settings.nats_ca_file} << "no certificate\n";
  const auto watching = watch();
  std::map<std::string, std::int64_t> ends;
  CAF_CHECK(eventually([&] { return !board->metrics().empty(); }));
  for (const auto& each : board->metrics()) {
    CAF_CHECK_EQUAL(each.name, "ledgerd_certificate_expiration_timestamp_seconds");
    ends[each.labels.at(0).second] = each.value;
  }
  CAF_CHECK_EQUAL(ends.size(), 2u);
  CAF_CHECK_EQUAL(ends["http"], files->validity()->not_after.time_since_epoch().count());
  CAF_CHECK_EQUAL(ends["nats_ca"], 0);
  std::this_thread::sleep_for(200ms);
  CAF_CHECK_EQUAL(lines.count(log_event::certificate_expires, "the certificate http ("), 1u);
  CAF_CHECK_EQUAL(lines.count(log_event::certificate_invalid, "nats_ca"), 1u);
}

// The new one is not believed before its key is there: what is shown is what counts.
CAF_TEST(the metric tells the certificate that is shown and not the one in the file) {
  papers().make("third", "DNS:localhost", 40);
  const auto before = files->validity();
  replace(papers().certificate("third"), served / "first" / "tls.crt");
  const auto watching = watch();
  CAF_CHECK(eventually([&] { return lines.count(log_event::reload_failed) > 0; }));
  CAF_CHECK(eventually([&] { return !board->metrics().empty(); }));
  const auto shown = board->metrics();
  CAF_CHECK_EQUAL(shown.at(0).value, before->not_after.time_since_epoch().count());
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(one that ends soon is told once a day and one that has ended once an hour) {
  const sys_seconds today{1'800'000'000s};
  const certificate_words::time_point start{1000h};
  certificate_words words;
  const auto look = [&](std::chrono::seconds left, std::chrono::seconds at) {
    return words.look(ending("http", today, left), today + at, start + at);
  };
  CAF_CHECK(look(days{15}, 0s) == word::nothing);
  CAF_CHECK(look(days{15}, days{1} - 1s) == word::nothing);
  CAF_CHECK(look(days{15}, days{1} + 1s) == word::expires);
  CAF_CHECK(look(days{15}, days{1} + 1min) == word::nothing);
  CAF_CHECK(look(days{15}, days{2}) == word::nothing);
  CAF_CHECK(look(days{15}, days{2} + 1s) == word::expires);
  CAF_CHECK(look(days{15}, days{15} + 1s) == word::invalid);
  CAF_CHECK(look(days{15}, days{15} + 1h) == word::nothing);
  CAF_CHECK(look(days{15}, days{15} + 1h + 1s) == word::invalid);
  CAF_CHECK(look(days{90}, days{15} + 2h) == word::nothing); // replaced
  // Another one that ends soon, or is not valid yet, is told at once.
  CAF_CHECK(look(days{17}, days{15} + 3h) == word::expires);
  CAF_CHECK(look(days{18}, days{15} + 3h) == word::expires);
  const used_certificate later{"http", "/x.crt",
                               certificate_validity{today + days{16}, today + days{99}}};
  CAF_CHECK(words.look(later, today + days{15}, start) == word::invalid);
  const used_certificate unread{"nats", "/y.crt", std::nullopt};
  CAF_CHECK(words.look(unread, today, start) == word::invalid);
  CAF_CHECK(words.look(unread, today, start + 59min) == word::nothing);
  CAF_CHECK(words.look(unread, today, start + 60min) == word::invalid);
}
