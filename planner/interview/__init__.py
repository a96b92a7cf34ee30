"""The interview: questions, their answers, and the decision that they lead to."""
