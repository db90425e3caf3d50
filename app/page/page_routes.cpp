#include "app/page/page_routes.hpp"

#include <string>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

// Scripts, styles and calls of this origin and nothing else; no other page may frame it. Whatever a
// payload holds, no browser takes it for markup: scripts cannot set any.
constexpr const char* content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

http_values headers_of(const page_file& file) {
  return {{"ETag", std::string{file.etag}},
          {"Cache-Control", "no-cache"}, // kept, and asked for again: an upgrade shows at once
          {"Content-Security-Policy", content_policy},
          {"Referrer-Policy", "no-referrer"},
          {"X-Frame-Options", "DENY"},
          {"Cross-Origin-Opener-Policy", "same-origin"},
          {"Cross-Origin-Resource-Policy", "same-origin"},
          {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"}};
}

// Whether the client has this very file, by RFC 9110, section 13.1.2.
bool has_file(const http_request& request, std::string_view etag) {
  for (auto list : request.values("if-none-match"))
    while (!list.empty()) {
      const auto comma = list.find(',');
      auto one = trimmed(list.substr(0, comma));
      if (one.starts_with("W/"))
        one.remove_prefix(2);
      if (one == etag || one == "*")
        return true;
      list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
  return false;
}

} // namespace

std::vector<http_route> make_page_routes() {
  std::vector<http_route> routes;
  for (const auto& file : page_files())
    routes.push_back({"GET", std::string{file.path},
                      [&file](const http_request& request, const http_responder& respond) {
                        const bool known = has_file(request, file.etag);
                        respond({known ? 304 : 200, std::string{file.content_type},
                                 known ? "" : std::string{file.text}, headers_of(file)});
                      }});
  return routes;
}

} // namespace ledgerd
