module pglynx/drivers/transcript

go 1.25.0
