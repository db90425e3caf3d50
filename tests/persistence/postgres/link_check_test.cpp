#include "persistence/link_check.hpp"

#define CAF_SUITE link_check
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(what can be read or taken over on its way is said) {
  struct row {
    database_link link;
    const char* says; // nullptr: nothing
  };
  const row table[] = {
      {{"", "", false, "prefer"}, nullptr},
      {{"/run/postgresql", "", false, "prefer"}, nullptr},
      {{"localhost", "127.0.0.1", false, "prefer"}, nullptr},
      {{"127.0.0.1", "", false, "disable"}, nullptr},
      {{"::1", "::1", true, "require"}, nullptr},
      {{"db.example", "127.0.0.1", false, "prefer"}, nullptr}, // a tunnel of one's own
      {{"localhost", "192.0.2.1", false, "prefer"}, "localhost is not encrypted"},
      {{"db.example", "192.0.2.1", false, "prefer"}, "db.example is not encrypted"},
      {{"192.0.2.1", "", false, "disable"}, "not encrypted"},
      {{"db.example", "192.0.2.1", true, "prefer"}, "nothing verifies"},
      {{"db.example", "192.0.2.1", true, "require"}, "sslmode is require"},
      {{"db.example", "192.0.2.1", true, "verify-ca"}, "that authority"},
      {{"db.example", "192.0.2.1", true, "verify-full"}, nullptr},
      {{"db.example", "2001:db8::1", true, "verify-full"}, nullptr},
      {{"db.example", "2001:db8::1", false, "verify-full"}, "not encrypted"},
  };
  for (const auto& [link, says] : table) {
    const auto warning = link_warning(link);
    CAF_MESSAGE(link.host << " " << link.address << " " << link.sslmode << ": " << warning);
    CAF_CHECK_EQUAL(warning.empty(), says == nullptr);
    if (says != nullptr)
      CAF_CHECK(warning.find(says) != std::string::npos);
  }
}
