#include "tests/support/certificates.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <unistd.h>

#include "tests/support/shell.hpp"

namespace ledgerd::test {

namespace {

// In the directory; throws with what it said when it fails.
void run(const std::string& directory, const std::string& command) {
  output_of("set -e; umask 077; cd " + directory + "; " + command, command);
}

constexpr const char* new_key =
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes ";

} // namespace

certificates::certificates() : directory_("/tmp/ledgerd-certificates.XXXXXX") {
  if (mkdtemp(directory_.data()) == nullptr)
    throw std::runtime_error("cannot make " + directory_);
  run(directory_, std::string(new_key)
                      + "-x509 -days 2 -subj '/CN=authority of a test' -keyout ca.key -out ca.crt "
                        "-addext basicConstraints=critical,CA:TRUE "
                        "-addext keyUsage=critical,keyCertSign");
}

certificates::~certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void certificates::make(const std::string& name, const std::string& alternative_names,
                        int days) const {
  run(directory_, std::string(new_key) + "-subj /CN=" + name + " -keyout " + name + ".key.new -out "
                      + name + ".csr; printf 'subjectAltName=%s\\n' '" + alternative_names + "' >"
                      + name + ".ext; openssl x509 -req -in " + name
                      + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial " + "-days "
                      + std::to_string(days) + " -extfile " + name + ".ext -out " + name
                      + ".crt.new; mv " + name + ".key.new " + name + ".key; mv " + name
                      + ".crt.new " + name + ".crt");
}

} // namespace ledgerd::test
