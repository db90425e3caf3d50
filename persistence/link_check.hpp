// Whether a connection to a database can be read or taken over on its way, and what it is secured
// with.
#pragma once

#include <string>
#include <string_view>

namespace ledgerd {

// What is known of a connection.
struct database_link {
  std::string host;    // as it was asked for: a name, a number, or the directory of a socket
  std::string address; // its number; empty: none
  bool encrypted = false;
  std::string sslmode; // libpq's word for what is verified
};

// A sentence, or an empty text for a connection that stays on this machine or verifies that the
// server is the one in the URL. Pure.
std::string link_warning(const database_link& link);

// The same for a new connection to this database. Waits; throws as check_database does.
std::string link_warning(const std::string& database_url);

// The files that libpq makes its connections to this database with; empty: none.
struct database_certificates {
  std::string shown;       // sslcert
  std::string authorities; // sslrootcert
};

// As the URL or the environment has them, and without those that are not there, which libpq does
// without where it can. It reads them anew for each connection. Throws std::runtime_error, never
// repeating the URL, when that cannot be understood.
database_certificates certificate_files(const std::string& database_url);

} // namespace ledgerd
