/** A view that fails says so; the frame with the halt button stays. */

import { Component, type ReactNode } from "react";
import { Text } from "./basic";

export class Failure extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <p className="failed" role="alert">
        This view cannot be shown: <Text value={error.message} most={300} />{" "}
        <button type="button" onClick={() => this.setState({ error: null })}>
          Try again
        </button>
      </p>
    );
  }
}
