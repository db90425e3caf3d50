// Until when certificates hold, as their files say it.

#include "app/base/certificate_validity.hpp"

#include <fstream>
#include <sstream>

#include "tests/support/certificates.hpp"

#define CAF_SUITE certificate_validity
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::sys_seconds;

namespace {

const sys_seconds today{1'800'000'000s};

std::string text_of_file(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

// Within a minute of so many days from now.
bool ends_in(const std::optional<certificate_validity>& found, days left) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return found && std::chrono::abs(found->not_after - now - left) < 1min;
}

} // namespace

CAF_TEST(a certificate is judged by its two dates) {
  const struct {
    std::chrono::seconds begins;
    std::chrono::seconds ends;
    certificate_state expected;
    const char* says;
  } rows[] = {
      {-1h, days{30}, certificate_state::holds,
       "is valid until 2027-02-14T08:00:00Z, 30 days from now"},
      {-1h, days{14}, certificate_state::holds, "14 days from now"},
      {-1h, days{14} - 1s, certificate_state::ends_soon, "13 days from now"},
      {-1h, days{2} - 1s, certificate_state::ends_soon, "47 h from now"},
      {-1h, 1s, certificate_state::ends_soon, "0 h from now"},
      {-1h, 0s, certificate_state::ends_soon, "0 h from now"},
      {-1h, -1s, certificate_state::expired, "expired on 2027-01-15T07:59:59Z"},
      {0s, days{30}, certificate_state::holds, "30 days"},
      {1s, days{30}, certificate_state::not_yet, "is not valid before 2027-01-15T08:00:01Z"},
      {1s, -1s, certificate_state::expired, "expired"},
  };
  for (const auto& [begins, ends, expected, says] : rows) {
    const certificate_validity one{today + begins, today + ends};
    CAF_MESSAGE(describe(one, today));
    CAF_CHECK(state_of(one, today, days{14}) == expected);
    CAF_CHECK(describe(one, today).find(says) != std::string::npos);
  }
}

CAF_TEST(a chain ends with its first certificate and authorities with their last) {
  const certificate_validity one{today, today + days{3}}, other{today - 1h, today + days{9}};
  for (const auto& [a, b] : {std::pair{one, other}, std::pair{other, one}}) {
    CAF_CHECK(joined(a, b, certificate_use::chain)
              == (certificate_validity{today, today + days{3}}));
    CAF_CHECK(joined(a, b, certificate_use::authorities) == other);
  }
}

CAF_TEST(a file is read with all that it holds) {
  const certificates papers; // its authority ends in two days
  papers.make("long", "DNS:a", 40);
  papers.make("short", "DNS:b", 1);
  const auto chain = papers.directory() + "/chain.crt";
  std::ofstream{chain} << text_of_file(papers.certificate("long"))
                       << text_of_file(papers.key("long")) << "a word between\n"
                       << text_of_file(papers.certificate("short"))
                       << text_of_file(papers.authority());
  CAF_CHECK(ends_in(read_validity(papers.certificate("long"), certificate_use::chain), days{40}));
  CAF_CHECK(ends_in(read_validity(chain, certificate_use::chain), days{1}));
  CAF_CHECK(ends_in(read_validity(chain, certificate_use::authorities), days{40}));
  CAF_CHECK(!read_validity(papers.key("long"), certificate_use::chain));
  CAF_CHECK(!read_validity(papers.directory() + "/none", certificate_use::chain));
  CAF_CHECK(!read_validity(papers.directory(), certificate_use::chain));
}
