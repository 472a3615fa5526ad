module sessile.dev/go

go 1.21
