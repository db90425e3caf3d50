#include "app/verbs/link_warnings.hpp"

#define CAF_SUITE link_warnings
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(a broker beyond this machine that is reached in the clear is named without its secret) {
  struct row {
    const char* urls;
    std::size_t warnings;
    const char* names;
  };
  constexpr row table[] = {
      {"nats://127.0.0.1:4222", 0, ""},
      {"nats://localhost:4222,nats://[::1]:4222", 0, ""},
      {"tls://nats.example:4222", 0, ""},
      {"nats://nats.example:4222", 1, "to nats.example is"},
      {"nats://app:s3cr3t@nats.example:4222", 1, "to nats.example is"},
      {"nats://app:a@b@10.0.0.1:4222", 1, "to 10.0.0.1 is"},
      {"nats://127.0.0.1:4222,nats://a.example:1,nats://b.example:1", 2, "to a.example is"},
  };
  for (const auto& [urls, warnings, names] : table) {
    const auto found = broker_link_warnings(urls);
    CAF_MESSAGE(urls);
    CAF_REQUIRE_EQUAL(found.size(), warnings);
    if (warnings > 0) {
      CAF_CHECK(found.front().find(names) != std::string::npos);
      CAF_CHECK(found.front().find("s3cr3t") == std::string::npos);
    }
  }
}
