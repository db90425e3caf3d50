// Deposits an amount and prints the verdict: java Deposit.java USER AMOUNT [IDEMPOTENCY_KEY]. Needs Java 17 and nothing else.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.UUID;

public class Deposit {
  static String json(String text) {
    var out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      out.append(c == '"' || c == '\\' ? "\\" + c : c < 0x20 ? String.format("\\u%04x", (int) c) : String.valueOf(c));
    }
    return out.append('"').toString();
  }

  public static void main(String[] args) throws Exception {
    if (args.length < 2) {
      System.err.println("usage: java Deposit.java USER AMOUNT [IDEMPOTENCY_KEY]");
      System.exit(2);
    }
    var user = args[0];
    var amount = args[1];
    var key = args.length > 2 ? args[2] : UUID.randomUUID().toString();
    System.err.println("Idempotency-Key: " + key); // kept first: your service writes it down with the payment
    Map<String, String> env = System.getenv();
    var base = env.getOrDefault("LEDGERD_URL", "http://127.0.0.1:8080");
    // The amount stays text: no rounding. In a service of yours: new BigDecimal(...).toPlainString().
    var body = "{\"userId\": " + json(user) + ", \"type\": \"DEPOSIT\", \"amount\": " + json(amount)
        + ", \"currency\": \"KRW\"}";
    var request = HttpRequest.newBuilder(URI.create(base + "/v1/transactions"))
        .header("Content-Type", "application/json").header("Idempotency-Key", key).header("Prefer", "wait=10")
        .POST(HttpRequest.BodyPublishers.ofString(body));
    if (env.containsKey("LEDGERD_TOKEN")) {
      request.header("Authorization", "Bearer " + env.get("LEDGERD_TOKEN"));
    }
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    var answer = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    System.out.println(answer.body());
    System.exit(answer.statusCode() < 300 ? 0 : 1); // no answer, or 503? Repeat with the same key: nothing is paid twice.
  }
}
