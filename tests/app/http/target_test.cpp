#include "app/http/target.hpp"

#include "app/http/server.hpp"

#define CAF_SUITE http_target
#include "tests/app/http/raw_client.hpp"

#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

std::string shown(const std::optional<http_values>& values) {
  if (!values)
    return "broken";
  std::string result;
  for (const auto& [name, value] : *values)
    result += "[" + name + "=" + value + "]";
  return result;
}

// What a path gives of a route's path: the parameters, `broken`, or `other` when it does not match.
std::string matched(const char* route, const char* path) {
  const path_pattern pattern{route};
  return pattern.matches(path) ? shown(pattern.parameters(path)) : "other";
}

} // namespace

CAF_TEST(escapes are decoded or broken) {
  const std::pair<std::string, std::string> table[] = {
      {"", ""},
      {"abc", "abc"},
      {"a%20b", "a b"},
      {"%2F%2f%41", "//A"},
      {"%25", "%"},
      {"%2525", "%25"}, // once
      {"%EA%B9%80", "\xea\xb9\x80"},
      {"%00", std::string(1, '\0')},
      {"+", "+"},
  };
  for (const auto& [text, wanted] : table)
    CAF_CHECK_EQUAL(percent_decode(text).value_or("broken"), wanted);
  CAF_CHECK_EQUAL(percent_decode("a+b%2B", true).value_or("broken"), "a b+");
  for (const auto* text :
       {"%", "%4", "a%", "a%4", "%zz", "%4g", "%g4", "%%41", "% 41", "%-1", "%+1"})
    CAF_CHECK_EQUAL(percent_decode(text).value_or("broken"), "broken");
}

CAF_TEST(queries are read in order and within their limit) {
  constexpr std::pair<const char*, const char*> table[] = {
      {"", ""},
      {"a", "[a=]"},
      {"a=", "[a=]"},
      {"=", "[=]"},
      {"a=1&b=2", "[a=1][b=2]"},
      {"a=1&a=2", "[a=1][a=2]"},
      {"&&a=1&", "[a=1]"},
      {"a=b=c", "[a=b=c]"},
      {"a%3Db=%26", "[a=b=&]"},
      {"a=1?b", "[a=1?b]"},
      {"a=%", "broken"},
      {"%=a", "broken"},
      {"a&b&c&d", "[a=][b=][c=][d=]"},
      {"a&b&c&d&e", "broken"},
  };
  for (const auto& [query, wanted] : table)
    CAF_CHECK_EQUAL(std::make_pair(query, shown(read_query(query, 4))),
                    std::make_pair(query, std::string{wanted}));
}

CAF_TEST(a path matches by whole segments) {
  struct row {
    const char* route;
    const char* path;
    const char* wanted;
  };
  constexpr row table[] = {
      {"/", "/", ""},
      {"/", "", "other"},
      {"/ok", "/ok", ""},
      {"/ok", "/ok/", "other"},
      {"/ok", "/OK", "other"},
      {"/ok", "/o%6b", "other"},
      {"/ok", "ok", "other"},
      {"/a/{x}", "/a/1", "[x=1]"},
      {"/a/{x}", "/a/", "other"},
      {"/a/{x}", "/a", "other"},
      {"/a/{x}", "/a/1/", "other"},
      {"/a/{x}", "/a/1/2", "other"},
      {"/a/{x}", "//a/1", "other"},
      {"/a/{x}", "/a/1%2F2", "[x=1/2]"},
      {"/a/{x}", "/a/..", "[x=..]"},
      {"/a/{x}", "/a/{x}", "[x={x}]"},
      {"/a/{x}", "/a/%", "broken"},
      {"/a/{x}/b", "/a/1/b", "[x=1]"},
      {"/a/{x}/b", "/a//b", "other"},
      {"/a/{x}/b", "/a/1/c", "other"},
      {"/{x}/{y}", "/1/%202", "[x=1][y= 2]"},
  };
  for (const auto& [route, path, wanted] : table)
    CAF_CHECK_EQUAL(std::make_pair(std::string{route} + " " + path, matched(route, path)),
                    std::make_pair(std::string{route} + " " + path, std::string{wanted}));
}

CAF_TEST(the server hands decoded parameters on and refuses broken ones) {
  std::vector<http_route> routes;
  routes.push_back({"GET", "/users/{user}/notes", [](const http_request& request, auto respond) {
                      respond({200,
                               "text/plain",
                               std::string{request.parameter("user")} + "|"
                                   + std::string{request.argument("from")} + "|"
                                   + std::to_string(request.argument_count("from")),
                               {}});
                    }});
  http_server server{"127.0.0.1", 0, std::move(routes)};
  const auto ask = [&](const std::string& line) {
    raw_client client{server.port()};
    client.send(line + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.response();
  };
  CAF_CHECK(ask("GET /users/a%20b/notes?from=x+y&from=z").ends_with("a b|x y|2"));
  CAF_CHECK(ask("GET /users/a/notes").ends_with("a||0"));
  CAF_CHECK(contains(ask("PUT /users/a/notes"), "Allow: GET, HEAD\r\n"));
  CAF_CHECK(contains(status_of(ask("GET /users//notes")), "404"));
  for (const auto* line : {"GET /users/%/notes", "GET /users/%4/notes", "GET /users/a/notes?from=%",
                           "GET /users/a/notes?%zz=1"}) {
    const auto answer = ask(line);
    CAF_CHECK_EQUAL(status_of(answer), "HTTP/1.1 400 Bad Request");
    CAF_CHECK(contains(answer, "\"code\":\"INVALID_FIELD\""));
    CAF_CHECK(contains(answer, "Connection: keep-alive")); // only the request was bad
  }
  std::string many = "GET /users/a/notes?";
  for (int i = 0; i < 65; ++i)
    many += "a&";
  CAF_CHECK(contains(status_of(ask(many)), "400"));
}
