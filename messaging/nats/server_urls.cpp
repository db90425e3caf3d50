#include "messaging/nats/server_urls.hpp"

#include <cctype>
#include <charconv>

namespace ledgerd {

namespace {

// Where the credentials of a URL begin and end; equal: it has none.
std::pair<std::size_t, std::size_t> credentials_of(std::string_view url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto at = url.rfind('@');
  return {begin, at == std::string_view::npos || at < begin ? begin : at};
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto* first = text.data() + i + 1;
      const auto [end, error] = std::from_chars(first, first + 2, value, 16);
      if (error != std::errc{} || end != first + 2)
        value = 0;
    }
    if (value == 0) {
      result += text[i];
      continue;
    }
    result += static_cast<char>(value);
    i += 2;
  }
  return result;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
      result += c;
    else
      (result += '%').append({digits[byte >> 4], digits[byte & 15]});
  }
  return result;
}

constexpr std::string_view mask = "***";

bool in_word(const std::string& text, std::size_t at) {
  return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
}

// Where the secret stands in a text: a short one must be a whole word, for its letters are those of
// other words too, and those that were missing from them would tell it.
void mask_all(std::string& text, std::string_view secret) {
  constexpr std::size_t short_bytes = 6;
  for (auto at = text.find(secret); at != std::string::npos;) {
    const auto end = at + secret.size();
    const bool is_part = (in_word(text, at) && at > 0 && in_word(text, at - 1))
                         || (in_word(text, end - 1) && in_word(text, end));
    if (is_part && secret.size() < short_bytes) {
      at = text.find(secret, at + 1);
      continue;
    }
    text.replace(at, secret.size(), mask);
    at = text.find(secret, at + mask.size());
  }
}

// In URLs the place tells what is secret, whatever it is.
void mask_in_urls(std::string& text, std::string_view secret) {
  const auto marked = std::string{secret} + "@";
  for (auto at = text.find(marked); at != std::string::npos;) {
    const bool begins = at == 0 || !in_word(text, at - 1);
    if (begins)
      text.replace(at, secret.size(), mask);
    at = text.find(marked, at + (begins ? mask.size() : 1));
  }
}

void redact_one(std::string& text, std::string_view url) {
  const auto [begin, end] = credentials_of(url);
  if (begin == end)
    return;
  const auto secret = url.substr(begin, end - begin);
  mask_in_urls(text, secret);
  const auto colon = secret.find(':');
  const auto password = colon == std::string_view::npos ? secret : secret.substr(colon + 1);
  if (password.find_first_not_of('*') != std::string_view::npos) // else it looks like the mask
    mask_all(text, password);
}

} // namespace

std::vector<std::string> split_urls(std::string_view urls) {
  std::vector<std::string> result;
  while (!urls.empty()) {
    const auto comma = urls.find(',');
    auto one = urls.substr(0, comma);
    const auto first = one.find_first_not_of(" \t");
    if (first != std::string_view::npos)
      result.emplace_back(one.substr(first, one.find_last_not_of(" \t") - first + 1));
    urls.remove_prefix(comma == std::string_view::npos ? urls.size() : comma + 1);
  }
  return result;
}

std::string decode_credentials(std::string_view url) {
  const auto [begin, end] = credentials_of(url);
  const auto secret = url.substr(begin, end - begin);
  const auto colon = secret.find(':');
  std::string decoded;
  if (colon == std::string_view::npos) {
    decoded = percent_decoded(secret);
    if (decoded.find(':') != std::string::npos)
      decoded = secret;
  } else {
    auto user = percent_decoded(secret.substr(0, colon));
    if (user.find(':') != std::string::npos)
      user = secret.substr(0, colon);
    decoded = user + ":" + percent_decoded(secret.substr(colon + 1));
  }
  return std::string{url.substr(0, begin)} + decoded + std::string{url.substr(end)};
}

std::string encode_credentials(std::string_view url) {
  const auto [begin, end] = credentials_of(url);
  const auto secret = url.substr(begin, end - begin);
  const auto colon = secret.find(':');
  auto encoded = percent_encoded(percent_decoded(secret.substr(0, colon)));
  if (colon != std::string_view::npos)
    encoded.append(":").append(percent_encoded(percent_decoded(secret.substr(colon + 1))));
  return std::string{url.substr(0, begin)} + encoded + std::string{url.substr(end)};
}

std::string redact(std::string text, std::string_view urls) {
  for (const auto& url : split_urls(urls)) {
    redact_one(text, url);
    redact_one(text, decode_credentials(url));
    redact_one(text, encode_credentials(url));
  }
  return text;
}

} // namespace ledgerd
