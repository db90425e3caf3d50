// Certificates for one test, made by the program `openssl` and signed by an authority of their own.
#pragma once

#include <string>

namespace ledgerd::test {

class certificates {
public:
  certificates();
  ~certificates();

  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;

  const std::string& directory() const noexcept { return directory_; }
  std::string authority() const { return directory_ + "/ca.crt"; }

  // A certificate for these names ("DNS:localhost,IP:127.0.0.1"), in the files NAME.crt and
  // NAME.key, which replace what was there, valid from now on. Throws std::runtime_error.
  void make(const std::string& name, const std::string& alternative_names, int days = 2) const;
  std::string certificate(const std::string& name) const {
    return directory_ + "/" + name + ".crt";
  }
  std::string key(const std::string& name) const { return directory_ + "/" + name + ".key"; }

private:
  std::string directory_;
};

} // namespace ledgerd::test
