#include "app/http/server.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <pthread.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>

#include "app/base/open_files.hpp"
#include "app/base/signals_blocked.hpp"
#include "app/http/connection.hpp"
#include "app/http/work_places.hpp"

namespace ledgerd {

namespace {

using asio::ip::tcp;

constexpr auto accept_pause = std::chrono::milliseconds{100};

tcp::endpoint resolve(const std::string& host, std::uint16_t port) {
  asio::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error)
    throw std::runtime_error{"http-listen: `" + host + "` is not an IP address"};
  return {address, port};
}

std::size_t connections_of(const http_limits& limits, bool secure) {
  const auto wanted =
      secure ? std::min(limits.connections, limits.secure_connections) : limits.connections;
  return std::max<std::size_t>(4, std::min(wanted, open_files_max() / 2));
}

// A file that can be given up when no other may be opened.
class reserved_file {
public:
  reserved_file() { take(); }
  reserved_file(const reserved_file&) = delete;
  reserved_file& operator=(const reserved_file&) = delete;
  ~reserved_file() { release(); }

  // False when it cannot be had.
  bool take() noexcept {
    if (number_ < 0)
      number_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return number_ >= 0;
  }

  // False when it was not there.
  bool release() noexcept {
    const int number = std::exchange(number_, -1);
    return number >= 0 && close(number) == 0;
  }

private:
  int number_ = -1;
};

} // namespace

// Everything but the constructor, `port` and `stop` runs on the server's thread.
class http_server::core : public http_connection_owner {
public:
  core(const std::string& host, std::uint16_t port, std::vector<http_route> routes,
       http_limits limits, std::shared_ptr<http_certificate> certificate)
      : certificate_{std::move(certificate)}, service_{std::make_shared<http_service>()},
        acceptor_{service_->io}, pause_{service_->io}, connections_max_{connections_of(
                                                           limits, certificate_ != nullptr)},
        places_{connections_max_ - connections_max_ / 4} {
    for (auto& route : routes) {
      path_pattern pattern{route.path};
      service_->routes.push_back({std::move(route), std::move(pattern)});
    }
    service_->limits = limits;
    const auto endpoint = resolve(host, port);
    try {
      acceptor_.open(endpoint.protocol());
      acceptor_.set_option(tcp::acceptor::reuse_address{true});
      acceptor_.bind(endpoint);
      acceptor_.listen();
      port_ = acceptor_.local_endpoint().port();
    } catch (const std::exception& e) {
      throw std::runtime_error{"cannot listen on " + host + ":" + std::to_string(port) + ": "
                               + e.what()};
    }
    accept();
    thread_ = start_thread();
  }

  ~core() { stop(); }

  std::uint16_t port() const noexcept { return port_; }

  void show(std::shared_ptr<http_certificate> certificate) {
    asio::post(service_->io, [this, next = std::move(certificate)] { certificate_ = next; });
  }

  void stop() {
    if (!thread_.joinable())
      return;
    asio::post(service_->io, [this] {
      acceptor_.close();
      pause_.cancel();
      for (auto* all : {&resting_, &working_})
        while (!all->empty())
          all->front()->close();
    });
    // Without acceptor and connections nothing is pending any more and `run` returns.
    thread_.join();
  }

private:
  std::thread start_thread() {
    const signals_blocked while_starting;
    std::thread thread{[service = service_] { service->io.run(); }};
    pthread_setname_np(thread.native_handle(), "ledgerd.http");
    return thread;
  }

  void accept() {
    acceptor_.async_accept([this](const asio::error_code& error, tcp::socket socket) {
      if (!acceptor_.is_open())
        return;
      if (error)
        return error.value() == EMFILE && reserve_.release() ? accept() : accept_later();
      // Without the reserve somebody else took the files: a connection at rest gives its own back.
      while (!reserve_.take() && make_room())
        ;
      admit(std::move(socket));
      accept();
    });
  }

  // Out of files or memory, most likely: without a pause this would spin.
  void accept_later() {
    pause_.expires_after(accept_pause);
    pause_.async_wait([this](const asio::error_code& error) {
      if (error)
        return;
      reserve_.take();
      accept();
    });
  }

  void admit(tcp::socket socket) {
    asio::error_code ignored;
    const auto peer = socket.remote_endpoint(ignored).address().to_string();
    if (resting_.size() + working_.size() >= connections_max_ && !make_room())
      return; // all are at work: the newcomer is closed
    socket.set_option(tcp::no_delay{true}, ignored);
    const auto connection =
        std::make_shared<http_connection>(service_, std::move(socket), certificate_, peer, *this);
    connection->place = resting_.insert(resting_.end(), connection);
    ++resting_of_[peer];
    connection->start();
  }

  // Closes one connection at rest, of the address that has most of them the one that has rested
  // longest. False when there is none.
  bool make_room() {
    const auto most =
        std::max_element(resting_of_.begin(), resting_of_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == resting_of_.end())
      return false;
    const auto oldest = std::find_if(resting_.begin(), resting_.end(),
                                     [&](const auto& each) { return each->peer() == most->first; });
    (*oldest)->close();
    return true;
  }

  // A client is an address and what it says it is; who lies is refused before there is any work.
  bool at_work(http_connection& which, const http_route& route) override {
    if (!route.health) {
      auto client = which.peer();
      client.append(" ").append(which.request().header("authorization"));
      if (!places_.take(client))
        return false;
      which.client = std::move(client);
      which.request().crowded = places_.crowded();
    }
    leave_rest(which);
    working_.splice(working_.end(), resting_, which.place);
    return true;
  }

  void at_rest(http_connection& which) override {
    give_back(which);
    ++resting_of_[which.peer()];
    resting_.splice(resting_.end(), working_, which.place);
  }

  void closed(http_connection& which) override {
    if (which.at_work()) {
      give_back(which);
      working_.erase(which.place);
    } else {
      leave_rest(which);
      resting_.erase(which.place);
    }
    reserve_.take();
  }

  void give_back(http_connection& which) {
    if (const auto client = std::exchange(which.client, std::nullopt))
      places_.give_back(*client);
  }

  void leave_rest(const http_connection& which) {
    const auto found = resting_of_.find(which.peer());
    if (--found->second == 0)
      resting_of_.erase(found);
  }

  std::shared_ptr<http_certificate> certificate_; // of new connections
  std::shared_ptr<http_service> service_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const std::size_t connections_max_;
  work_places places_;
  reserved_file reserve_;
  std::unordered_map<std::string, std::size_t> resting_of_; // by address; none with 0
  http_connection::list resting_;                           // longest at rest first
  http_connection::list working_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

http_server::http_server(const std::string& host, std::uint16_t port,
                         std::vector<http_route> routes, http_limits limits,
                         std::shared_ptr<http_certificate> certificate)
    : core_{std::make_unique<core>(host, port, std::move(routes), limits, std::move(certificate))} {
}

http_server::~http_server() = default;

std::uint16_t http_server::port() const noexcept {
  return core_->port();
}

void http_server::show(std::shared_ptr<http_certificate> certificate) {
  core_->show(std::move(certificate));
}

void http_server::stop() {
  core_->stop();
}

} // namespace ledgerd
