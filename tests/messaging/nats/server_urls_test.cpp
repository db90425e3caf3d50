#include "messaging/nats/server_urls.hpp"

#define CAF_SUITE server_urls
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(credentials are decoded and nothing else) {
  struct row {
    const char* url;
    const char* decoded;
  };
  constexpr row table[] = {
      {"nats://h:4222", "nats://h:4222"},
      {"nats://u:p%40ss%2Fw%3Ao%25rd@h:4222", "nats://u:p@ss/w:o%rd@h:4222"},
      {"nats://u%20x:p@h", "nats://u x:p@h"},
      {"nats://u%3Ax:p%41@h", "nats://u%3Ax:pA@h"},
      {"nats://t%3Dk%2C@h", "nats://t=k,@h"},
      {"nats://t%3Ak@h", "nats://t%3Ak@h"},
      {"nats://u:100%@h", "nats://u:100%@h"},
      {"nats://u:%zz%4@h", "nats://u:%zz%4@h"},
      {"nats://u:%00@h", "nats://u:%00@h"},
      {"nats://u:a@b%41@h%41:1", "nats://u:a@bA@h%41:1"},
      {"tls://@h", "tls://@h"},
      {"h%41", "h%41"},
  };
  for (const auto& [url, decoded] : table)
    CAF_CHECK_EQUAL(decode_credentials(url), decoded);
}

CAF_TEST(a library that decodes gets the same credentials) {
  struct row {
    const char* url;
    const char* encoded;
  };
  constexpr row table[] = {
      {"nats://h:4222", "nats://h:4222"},
      {"nats://u:p%40ss%2Fw%3Ao%25rd@h:4222", "nats://u:p%40ss%2Fw%3Ao%25rd@h:4222"},
      {"nats://u:p@ss/w d@h", "nats://u:p%40ss%2Fw%20d@h"},
      {"nats://u%3Ax:p%2541@h", "nats://u%3Ax:p%2541@h"},
      {"nats://t=k,@h", "nats://t%3Dk%2C@h"},
      {"nats://u:100%@h", "nats://u:100%25@h"},
      {"nats://u:%00@h", "nats://u:%2500@h"},
      {"nats://u:a@b%41@h%41:1", "nats://u:a%40bA@h%41:1"},
      {"tls://@h", "tls://@h"},
  };
  for (const auto& [url, encoded] : table)
    CAF_CHECK_EQUAL(encode_credentials(url), encoded);
}

CAF_TEST(no form of a password survives redaction) {
  const auto* const urls = "nats://u:s3%20cr3t@h:1, nats://t0k%3Den@i:2";
  CAF_CHECK_EQUAL(
      redact(
          "cannot connect to nats://u:s3%20cr3t@h:1 as nats://u:s3 cr3t@h:1 with s3 cr3t, t0k=en",
          urls),
      "cannot connect to nats://***@h:1 as nats://***@h:1 with ***, ***");
  CAF_CHECK_EQUAL(redact("no nats://u:p%40s@h", "nats://u:p@s@h"), "no nats://***@h");
}

CAF_TEST(a short password leaves the words around it whole) {
  struct row {
    const char* text;
    const char* urls;
    const char* shown;
  };
  constexpr row table[] = {
      {"nats://u:s@hosts:1", "nats://u:s@hosts:1", "nats://***@hosts:1"},
      {"nats://s@hosts:1", "nats://s@hosts:1", "nats://***@hosts:1"},
      {"no answer as u:t@h from tests", "nats://u:t@h", "no answer as ***@h from tests"},
      {"the token s is not known", "nats://s@h", "the token *** is not known"},
      {"nats://u:ab@ab.example", "nats://u:ab@ab.example", "nats://***@***.example"},
      {"nats://hats:1", "nats://u:@hats:1", "nats://hats:1"},
      {"nats://u:*@h:1", "nats://u:*@h:1", "nats://***@h:1"},
      {"xlongpasswordx", "nats://u:longpassword@h", "x***x"},
  };
  for (const auto& [text, urls, shown] : table)
    CAF_CHECK_EQUAL(redact(text, urls), shown);
}
