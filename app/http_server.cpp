#include "app/http_server.hpp"

#include <pthread.h>
#include <stdexcept>
#include <thread>

#include "app/http_connection.hpp"
#include "app/signals_blocked.hpp"

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

} // namespace

// Everything but the constructor, `port` and `stop` runs on the server's thread.
class http_server::core : public http_connection_owner {
public:
  core(const std::string& host, std::uint16_t port, std::vector<http_route> routes,
       http_limits limits)
      : service_{std::make_shared<http_service>()}, acceptor_{service_->io}, pause_{service_->io} {
    for (auto& route : routes) {
      path_pattern pattern{route.path};
      service_->routes.push_back({std::move(route), std::move(pattern)});
    }
    service_->limits = limits;
    // Holds for the whole process, which uses the parser nowhere else.
    http_parser_set_max_header_size(static_cast<std::uint32_t>(limits.header_bytes));
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
        return accept_later();
      admit(std::move(socket));
      accept();
    });
  }

  // Out of file descriptors, most likely: without a pause this would spin.
  void accept_later() {
    pause_.expires_after(accept_pause);
    pause_.async_wait([this](const asio::error_code& error) {
      if (!error)
        accept();
    });
  }

  void admit(tcp::socket socket) {
    if (resting_.size() + working_.size() >= service_->limits.connections) {
      if (resting_.empty())
        return; // all are at work: the newcomer is closed
      resting_.front()->close();
    }
    asio::error_code ignored;
    socket.set_option(tcp::no_delay{true}, ignored);
    const auto connection = std::make_shared<http_connection>(service_, std::move(socket), *this);
    connection->place = resting_.insert(resting_.end(), connection);
    connection->start();
  }

  void at_work(http_connection& which) override {
    working_.splice(working_.end(), resting_, which.place);
  }

  void at_rest(http_connection& which) override {
    resting_.splice(resting_.end(), working_, which.place);
  }

  void closed(http_connection& which) override {
    (which.at_work() ? working_ : resting_).erase(which.place);
  }

  std::shared_ptr<http_service> service_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  http_connection::list resting_; // longest at rest first
  http_connection::list working_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

http_server::http_server(const std::string& host, std::uint16_t port,
                         std::vector<http_route> routes, http_limits limits)
    : core_{std::make_unique<core>(host, port, std::move(routes), limits)} {}

http_server::~http_server() = default;

std::uint16_t http_server::port() const noexcept {
  return core_->port();
}

void http_server::stop() {
  core_->stop();
}

} // namespace ledgerd
