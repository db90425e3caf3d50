// The URLs of NATS servers as the client library wants them. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ledgerd {

// The URLs of a comma-separated list, without blanks around them.
std::vector<std::string> split_urls(std::string_view urls);

// A URL as a library wants it that takes user, password and token as they stand (cnats before 3.9):
// decoded where they are written with %... The last @ ends them, so whatever they hold, the host
// stays the host. %00 and what is no escape stay as they are, as does a user's name that would hold
// the colon which ends it.
std::string decode_credentials(std::string_view url);

// The same credentials for a library that decodes them itself (cnats since 3.9): whatever might
// mean something is written with %...
std::string encode_credentials(std::string_view url);

// `text` without the credentials of any of the URLs, as written, as decoded and as encoded. A
// password that stands outside a URL is found by its text, a short one as a whole word.
std::string redact(std::string text, std::string_view urls);

} // namespace ledgerd
