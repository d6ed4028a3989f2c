"""The rules of automations: which event is which trigger, and when conditions hold."""
