#include "app/http/certificate.hpp"

#include <cstdio>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdexcept>
#include <vector>

#include "app/config/secret_file.hpp"
#include "app/http/socket.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t key_bytes_max = std::size_t{1} << 20;

void check(const asio::error_code& error, const std::string& option, const std::string& file) {
  if (error)
    throw std::runtime_error{option + " " + file + " cannot be used: " + error.message()};
}

struct file_closer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

struct certificate_freer {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::vector<unsigned char> text(4 * ((size + 2) / 3) + 1);
  const auto length = EVP_EncodeBlock(text.data(), bytes, static_cast<int>(size));
  return {text.begin(), text.begin() + length};
}

} // namespace

std::shared_ptr<http_certificate> read_http_certificate(const http_settings& settings) {
  const auto& file = settings.http_tls_cert_file;
  const auto& key = settings.http_tls_key_file;
  if (file.empty())
    return nullptr;
  auto result = std::make_shared<http_certificate>();
  auto& context = result->context;
  auto* raw = context.native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
                               | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  asio::error_code error;
  // Nobody is there who could be asked for a passphrase.
  context.set_password_callback(
      [](std::size_t, asio::ssl::context::password_purpose) { return std::string{}; }, error);
  context.use_certificate_chain_file(file, error);
  check(error, "http-tls-cert-file", file);
  std::string fault;
  const auto text = read_secret_file(key, key_bytes_max, fault);
  if (!fault.empty())
    throw std::runtime_error{"http-tls-key-file " + key + " " + fault};
  context.use_private_key(asio::buffer(text), asio::ssl::context::pem, error);
  check(error, "http-tls-key-file", key);
  if (SSL_CTX_check_private_key(raw) != 1)
    throw std::runtime_error{"http-tls-key-file " + key + " is not the key of the certificate in "
                             + file};
  return result;
}

certificate_validity shown_validity(http_certificate& certificate) {
  auto* raw = certificate.context.native_handle();
  auto all = validity_of(*SSL_CTX_get0_certificate(raw));
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(raw, &chain);
  for (int i = 0; i < sk_X509_num(chain); ++i) // none of a null one
    all = joined(all, validity_of(*sk_X509_value(chain, i)), certificate_use::chain);
  return all;
}

std::string public_key_pin(const std::string& certificate_file) {
  const auto fail = [&] {
    throw std::runtime_error{"http-tls-cert-file " + certificate_file + " holds no certificate"};
  };
  const std::unique_ptr<std::FILE, file_closer> file{std::fopen(certificate_file.c_str(), "re")};
  if (!file)
    fail();
  const std::unique_ptr<X509, certificate_freer> certificate{
      PEM_read_X509(file.get(), nullptr, nullptr, nullptr)};
  unsigned char* key = nullptr;
  const int size = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &key) : 0;
  if (size <= 0)
    fail();
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const bool digested =
      EVP_Digest(key, static_cast<std::size_t>(size), digest, &length, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(key);
  if (!digested)
    fail();
  return "sha256//" + base64(digest, length);
}

} // namespace ledgerd
