// Deposits an amount and prints the verdict: go run deposit.go USER AMOUNT [IDEMPOTENCY_KEY]. Standard library only.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: go run deposit.go USER AMOUNT [IDEMPOTENCY_KEY]")
		os.Exit(2)
	}
	user, amount := os.Args[1], os.Args[2]
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		panic(err)
	}
	key := fmt.Sprintf("%x", random)
	if len(os.Args) > 3 {
		key = os.Args[3]
	}
	fmt.Fprintln(os.Stderr, "Idempotency-Key:", key) // kept first: your service writes it down with the payment
	base := os.Getenv("LEDGERD_URL")
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	// The amount stays text: no rounding.
	body, _ := json.Marshal(map[string]string{"userId": user, "type": "DEPOSIT", "amount": amount, "currency": "KRW"})
	request, err := http.NewRequest("POST", base+"/v1/transactions", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("Prefer", "wait=10")
	if token := os.Getenv("LEDGERD_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil { // no answer, or 503? Repeat with the same key: nothing is paid twice.
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	fmt.Println(string(text))
	if answer.StatusCode >= 300 {
		os.Exit(1)
	}
}
