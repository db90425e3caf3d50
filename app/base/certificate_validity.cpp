#include "app/base/certificate_validity.hpp"

#include <algorithm>
#include <ctime>
#include <memory>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

using std::chrono::sys_seconds;

struct file_closer {
  void operator()(BIO* file) const noexcept { BIO_free(file); }
};

struct certificate_freer {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

// A time that cannot be read is long ago.
sys_seconds time_of(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1)
    return {};
  return sys_seconds{std::chrono::seconds{timegm(&fields)}};
}

std::string left_text(std::chrono::seconds left) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(left).count();
  return days >= 2
             ? std::to_string(days) + " days"
             : std::to_string(std::chrono::duration_cast<std::chrono::hours>(left).count()) + " h";
}

} // namespace

certificate_validity validity_of(const x509_st& certificate) {
  return {time_of(X509_get0_notBefore(&certificate)), time_of(X509_get0_notAfter(&certificate))};
}

certificate_validity joined(const certificate_validity& one, const certificate_validity& other,
                            certificate_use use) noexcept {
  if (use == certificate_use::authorities)
    return one.not_after < other.not_after ? other : one;
  return {std::max(one.not_before, other.not_before), std::min(one.not_after, other.not_after)};
}

std::optional<certificate_validity> read_validity(const std::string& file, certificate_use use) {
  const std::unique_ptr<BIO, file_closer> from{BIO_new_file(file.c_str(), "re")};
  std::optional<certificate_validity> all;
  while (from) {
    const std::unique_ptr<X509, certificate_freer> next{
        PEM_read_bio_X509_AUX(from.get(), nullptr, nullptr, nullptr)};
    if (!next)
      break;
    const auto validity = validity_of(*next);
    all = all ? joined(*all, validity, use) : validity;
  }
  ERR_clear_error(); // the end of the file is one
  return all;
}

certificate_state state_of(const certificate_validity& validity, sys_seconds now,
                           std::chrono::seconds soon) noexcept {
  if (validity.not_after < now)
    return certificate_state::expired;
  if (now < validity.not_before)
    return certificate_state::not_yet;
  return validity.not_after - now < soon ? certificate_state::ends_soon : certificate_state::holds;
}

std::string describe(const certificate_validity& validity, sys_seconds now) {
  switch (state_of(validity, now, {})) {
  case certificate_state::expired:
    return "expired on " + to_text(validity.not_after);
  case certificate_state::not_yet:
    return "is not valid before " + to_text(validity.not_before);
  case certificate_state::holds:
  case certificate_state::ends_soon:
    break;
  }
  return "is valid until " + to_text(validity.not_after) + ", "
         + left_text(validity.not_after - now) + " from now";
}

std::string to_text(sys_seconds time) {
  constexpr std::size_t to_seconds = 19;
  const auto us = std::chrono::microseconds{time.time_since_epoch()}.count();
  return format_time(us).substr(0, to_seconds) + "Z";
}

} // namespace ledgerd
