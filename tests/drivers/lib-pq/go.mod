module pglynx/drivers/lib-pq

go 1.25.0

require (
	github.com/lib/pq v1.12.3
	pglynx/drivers/transcript v0.0.0
)

replace pglynx/drivers/transcript => ../pgx/transcript
