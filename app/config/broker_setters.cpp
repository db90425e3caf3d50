#include "app/config/broker_setters.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace ledgerd {

namespace {

constexpr std::string_view secure_scheme = "tls://";

std::vector<std::string> urls_of(std::string_view text) {
  std::vector<std::string> result;
  std::istringstream parts{std::string{text}};
  for (std::string url; std::getline(parts, url, ',');)
    result.push_back(url);
  return result;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 64
         && text.find_first_of(" \t\r\n.*>/\\") == std::string_view::npos;
}

} // namespace

std::string set_nats_url(config& c, std::string_view text) {
  const auto urls = urls_of(text);
  for (const auto& url : urls) {
    const bool known_scheme = url.starts_with("nats://") || url.starts_with(secure_scheme);
    const auto host = url.substr(std::min(url.find("://") + 3, url.size()));
    if (!known_scheme || host.empty() || url.find_first_of(" \t\r\n") != std::string::npos)
      return "must be one or several URLs such as nats://127.0.0.1:4222 or tls://host:4222, "
             "separated by commas";
  }
  if (urls.empty() || text.ends_with(','))
    return "must be one or several URLs such as nats://127.0.0.1:4222, separated by commas";
  c.nats_url = text;
  c.nats_url_file.clear();
  return {};
}

// A prefix under which a subject of ours could lie would let whoever asks publish there.
std::string set_reply_prefix(config& c, std::string_view text) {
  constexpr std::array<std::string_view, 4> ours{"$", "transaction.", "ledgerd.", "_INBOX."};
  const auto allowed = [](char ch) { return ch > ' ' && ch < '\x7f' && ch != '*' && ch != '>'; };
  const auto overlaps = [text](std::string_view subject) {
    return text.starts_with(subject) || subject.starts_with(text);
  };
  if (text.empty() || text.size() > 64 || !std::all_of(text.begin(), text.end(), allowed)
      || text.front() == '.' || text.find("..") != std::string_view::npos)
    return "must be the beginning of a subject, 1 to 64 characters without `*` and `>`";
  if (std::any_of(ours.begin(), ours.end(), overlaps))
    return "must be no beginning of `transaction.`, `ledgerd.`, `_INBOX.` or the broker's own "
           "subjects, nor lie under them";
  c.nats_reply_prefix = text;
  return {};
}

std::string set_js_domain(config& c, std::string_view text) {
  if (!is_token(text))
    return "must be the name of a JetStream domain, 1 to 64 characters without blanks, `.`, `*`, "
           "`>` and slashes";
  c.nats_js_domain = text;
  return {};
}

std::string set_js_api_prefix(config& c, std::string_view text) {
  std::string_view rest = text;
  bool good = text.size() <= 128;
  while (good) {
    const auto dot = rest.find('.');
    good = is_token(rest.substr(0, dot));
    if (dot == std::string_view::npos)
      break;
    rest.remove_prefix(dot + 1);
  }
  if (!good || text.starts_with("transaction.") || text.starts_with("ledgerd."))
    return "must be a subject such as js.hub.API, without wildcards, not under `transaction.` or "
           "`ledgerd.`";
  c.nats_js_api_prefix = text;
  return {};
}

std::vector<std::string> broker_faults(const broker_settings& settings) {
  std::vector<std::string> faults;
  const auto urls = urls_of(settings.nats_url);
  const auto secure = std::count_if(urls.begin(), urls.end(),
                                    [](const auto& url) { return url.starts_with(secure_scheme); });
  if (secure != 0 && secure != static_cast<std::ptrdiff_t>(urls.size()))
    faults.emplace_back("nats-url must name either only tls:// servers or none");
  const bool has_files = !settings.nats_ca_file.empty() || !settings.nats_cert_file.empty()
                         || !settings.nats_key_file.empty();
  if (has_files && secure == 0)
    faults.emplace_back("nats-ca-file, nats-cert-file and nats-key-file need a nats-url that "
                        "begins with tls://");
  if (settings.nats_cert_file.empty() != settings.nats_key_file.empty())
    faults.emplace_back("nats-cert-file and nats-key-file belong together");
  if (!settings.nats_js_domain.empty() && !settings.nats_js_api_prefix.empty())
    faults.emplace_back("nats-js-domain and nats-js-api-prefix exclude each other");
  return faults;
}

} // namespace ledgerd
