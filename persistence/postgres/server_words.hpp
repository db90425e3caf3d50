// What a server says outside of an answer: why it ends the session, and what it warns of.
#pragma once

#include <string>

// libpq's.
struct pg_result;

namespace ledgerd {

struct server_words {
  std::string text;    // its last, with the SQLSTATE; empty: it has said nothing
  std::string warning; // the last, likewise; it does not end the session

  // libpq's notice receiver, `self` is the object.
  static void hear(void* self, const pg_result* notice);
};

} // namespace ledgerd
