"""The rules of agents: permissions, states of missions, texts of proposals, and the parser of plain instructions."""
