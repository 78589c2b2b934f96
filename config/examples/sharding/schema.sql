-- The schema of one shard: the parent, and of its partitions the one that the shard holds.
-- Once for each shard, with its number: psql -v shard=0 -f schema.sql shard0
--
-- A row of another shard is refused here ("no partition of relation "orders" found for row"): a
-- mistake in the routing cannot put a row where nobody would look for it.
CREATE TABLE orders (
  customer_id bigint NOT NULL,  -- the sharding key
  item text NOT NULL
) PARTITION BY HASH (customer_id);

CREATE TABLE orders_:shard PARTITION OF orders
  FOR VALUES WITH (MODULUS 3, REMAINDER :shard);
