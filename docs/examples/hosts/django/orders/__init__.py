"""Orders, whose deliveries are cards."""
