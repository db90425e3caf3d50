#include <cstdlib>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config/broker_access.hpp"
#include "app/config/config.hpp"

#define CAF_SUITE broker_settings
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

// A file that only its owner may read, or everybody.
struct some_file {
  std::string path = "/tmp/ledgerd-broker-settings.XXXXXX";

  explicit some_file(mode_t rights = 0600, const char* kind = "") {
    close(mkstemp(path.data()));
    std::ofstream{path} << "-----BEGIN " << kind << "PRIVATE KEY-----\n";
    chmod(path.c_str(), rights);
  }
  ~some_file() { unlink(path.c_str()); }
};

std::string faults_of(const setting_list& flags) {
  std::string all;
  for (const auto& fault : load_config({flags, {}, ""}).faults)
    all += fault + "\n";
  return all;
}

} // namespace

CAF_TEST(rules of the settings of the broker) {
  const some_file secret, open{0644}, locked{0600, "ENCRYPTED "};
  struct row {
    setting_list flags;
    const char* fault; // nullptr: none
  };
  const row table[] = {
      {{{"nats-js-domain", "hub"}}, nullptr},
      {{{"nats-js-domain", "hub.east"}}, "nats-js-domain must be the name"},
      {{{"nats-js-domain", ""}}, "nats-js-domain must be the name"},
      {{{"nats-js-domain", "a*"}}, "nats-js-domain must be the name"},
      {{{"nats-js-api-prefix", "js.hub.API"}}, nullptr},
      {{{"nats-js-api-prefix", "$JS.hub.API"}}, nullptr},
      {{{"nats-js-api-prefix", "js.hub.API."}}, "nats-js-api-prefix must be a subject"},
      {{{"nats-js-api-prefix", "js..API"}}, "nats-js-api-prefix must be a subject"},
      {{{"nats-js-api-prefix", "js.>"}}, "nats-js-api-prefix must be a subject"},
      {{{"nats-js-api-prefix", "transaction.js"}}, "nats-js-api-prefix must be a subject"},
      {{{"nats-js-domain", "hub"}, {"nats-js-api-prefix", "js.API"}}, "exclude each other"},
      {{{"nats-url", "tls://a:1,tls://b:1"}, {"nats-ca-file", open.path}}, nullptr},
      {{{"nats-url", "tls://a:1,nats://b:1"}}, "either only tls:// servers or none"},
      {{{"nats-ca-file", open.path}}, "need a nats-url that begins with tls://"},
      {{{"nats-url", "tls://a:1"}, {"nats-ca-file", "/none"}}, "must name a readable file"},
      {{{"nats-url", "tls://a:1"}, {"nats-cert-file", open.path}}, "belong together"},
      {{{"nats-url", "tls://a:1"}, {"nats-key-file", secret.path}}, "belong together"},
      {{{"nats-url", "tls://a:1"}, {"nats-cert-file", open.path}, {"nats-key-file", secret.path}},
       nullptr},
      {{{"nats-url", "tls://a:1"}, {"nats-cert-file", open.path}, {"nats-key-file", open.path}},
       "nats-key-file"},
      {{{"nats-url", "tls://a:1"}, {"nats-cert-file", open.path}, {"nats-key-file", locked.path}},
       "no passphrase"},
      {{{"http-tls-cert-file", open.path}, {"http-tls-key-file", secret.path}}, nullptr},
      {{{"http-tls-cert-file", open.path}}, "http-tls-key-file belong together"},
      {{{"http-tls-key-file", secret.path}}, "http-tls-key-file belong together"},
      {{{"http-tls-cert-file", open.path}, {"http-tls-key-file", open.path}}, "http-tls-key-file"},
  };
  for (const auto& [flags, fault] : table) {
    const auto found = faults_of(flags);
    CAF_MESSAGE(flags.front().first << "=" << flags.front().second << ": " << found);
    CAF_CHECK_EQUAL(found.empty(), fault == nullptr);
    if (fault != nullptr)
      CAF_CHECK(found.find(fault) != std::string::npos);
  }
}

CAF_TEST(a connection is made with all of them) {
  const some_file secret;
  const auto settings = load_config({{{"nats-url", "tls://a:1"},
                                      {"nats-ca-file", secret.path},
                                      {"nats-cert-file", secret.path},
                                      {"nats-key-file", secret.path},
                                      {"nats-creds-file", secret.path},
                                      {"nats-js-domain", "hub"},
                                      {"nats-reply-prefix", "mine."}},
                                     {},
                                     ""});
  CAF_REQUIRE(settings.faults.empty());
  const auto options = broker_access(settings.value, "somebody");
  CAF_CHECK_EQUAL(options.url, "tls://a:1");
  CAF_CHECK_EQUAL(options.read_url(), "tls://a:1");
  CAF_CHECK_EQUAL(options.client_name, "somebody");
  CAF_CHECK_EQUAL(options.ca_file, secret.path);
  CAF_CHECK_EQUAL(options.certificate_file, secret.path);
  CAF_CHECK_EQUAL(options.key_file, secret.path);
  CAF_CHECK_EQUAL(options.credentials_file, secret.path);
  CAF_CHECK_EQUAL(options.js_domain, "hub");
  CAF_CHECK_EQUAL(options.reply_prefix, "mine.");
  const auto other = load_config({{{"nats-js-api-prefix", "js.API"}}, {}, ""});
  CAF_CHECK_EQUAL(broker_access(other.value, "").js_api_prefix, "js.API");
}
