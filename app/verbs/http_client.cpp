#include "app/verbs/http_client.hpp"

#include <curl/curl.h>
#include <memory>
#include <stdexcept>

#include "app/config/bearer_tokens.hpp"
#include "app/http/certificate.hpp"

namespace ledgerd {

namespace {

constexpr long timeout_ms = 2000;
constexpr std::size_t body_bytes_max = 16 * 1024 * 1024;

struct curl_closer {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};

std::size_t collect(char* data, std::size_t size, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size * count > body_bytes_max)
    return 0; // ends the transfer with an error
  body.append(data, size * count);
  return size * count;
}

} // namespace

http_answer http_get(const http_settings& settings, const std::string& path) {
  const auto& where = *settings.http_listen;
  const auto host = where.host.find(':') == std::string::npos ? where.host : "[" + where.host + "]";
  const bool secure = !settings.http_tls_cert_file.empty();
  const auto url =
      (secure ? "https://" : "http://") + host + ":" + std::to_string(where.port) + path;
  const std::unique_ptr<CURL, curl_closer> handle{curl_easy_init()};
  if (!handle)
    throw std::runtime_error{"libcurl cannot be initialised"};
  http_answer answer;
  auto* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  // The daemon is known by its key, for its certificate need not be for the address it listens on.
  if (secure) {
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY,
                     public_key_pin(settings.http_tls_cert_file).c_str());
  }
  const auto token = settings.http_token_file.empty()
                         ? std::string{}
                         : first_token(settings.http_token_file, access_scope::operate);
  if (!token.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token.c_str());
  }
  if (const auto code = curl_easy_perform(curl); code != CURLE_OK)
    throw std::runtime_error{"no answer from " + url + ": " + curl_easy_strerror(code)};
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status == 401 || status == 403)
    throw std::runtime_error{token.empty()
                                 ? "the daemon at " + url + " wants a token: give http-token-file"
                                 : "the daemon at " + url + " refuses the token of "
                                       + settings.http_token_file};
  answer.status = static_cast<int>(status);
  return answer;
}

} // namespace ledgerd
