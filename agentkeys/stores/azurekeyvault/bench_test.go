package azurekeyvault_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"

	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// BenchmarkInventory reads 5,000 certificates of a vault whose answers take five
// milliseconds, as one in the same region does.
func BenchmarkInventory(b *testing.B) {
	const certificates, distance = 5000, 5 * time.Millisecond
	w := newWorld(b, azuretest.Config{Window: time.Microsecond})
	pair := storetest.NewPair(b, "ec-p256", "fleet")
	private, err := keys.MarshalPrivate(pair.Private, nil)
	if err != nil {
		b.Fatal(err)
	}
	client := w.certificates(b)
	for i := range certificates {
		_, err := client.ImportCertificate(b.Context(), fmt.Sprintf("fleet-%d", i), azcertificates.ImportCertificateParameters{
			Base64EncodedCertificate: to.Ptr(string(private) + string(pair.Certificates)),
		}, nil)
		if err != nil {
			b.Fatal(err)
		}
	}
	w.distance = distance
	s := w.open(b, azurekeyvault.Config{})
	for b.Loop() {
		read, most := 0, uint64(0)
		for entry, err := range s.Inventory(b.Context()) {
			if err != nil || entry.Problem != nil {
				b.Fatal(err, entry.Problem)
			}
			if read++; read%1000 == 0 {
				var stats runtime.MemStats
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapInuse)
			}
		}
		if read != certificates {
			b.Errorf("%d were read", read)
		}
		b.ReportMetric(float64(most)/(1<<20), "MiB-heap")
	}
	b.ReportMetric(float64(certificates*b.N)/b.Elapsed().Seconds(), "certificates/s")
}
